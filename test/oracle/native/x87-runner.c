/*
 * Runs single x87 instructions on the host's own CPU, in 32-bit user mode, and reports what they did. Freestanding, as
 * runner.c; see x87.spec.ts for the other side.
 *
 * A case: the image for FRSTOR, EFLAGS, EAX, the instruction (its memory operand is at [ebx]) and 128 bytes of memory. An outcome:
 * the image of FNSAVE, EFLAGS, EAX, the trap number or -1, the memory.
 */
#include "host.h"

enum { CODE = 0x100000, PAGE = 4096, IMAGE = 108, DATA_BYTES = 128 };

struct testcase { u8 image[IMAGE]; u32 eflags, eax, length; u8 code[8]; u8 data[DATA_BYTES]; };
struct outcome { u8 image[IMAGE]; u32 eflags, eax, trap; u8 data[DATA_BYTES]; };

u32 saved_esp, saved_eax, saved_flags;
u8 saved_image[IMAGE], operand[DATA_BYTES] __attribute__((aligned(64)));
static u32 trap;
extern void done(void), enter(struct testcase *);

void on_signal(int signal, void *info, struct ucontext32 *context) {
  (void)signal;
  (void)info;
  trap = context->mcontext.trapno;
  context->mcontext.ip = (u32)done;
}

__asm__(
  ".globl enter, done\n"
  "enter: push %ebp; push %ebx; push %esi; push %edi; mov 20(%esp), %ecx; mov %esp, saved_esp\n"
  "  frstor (%ecx); push 108(%ecx); popf; mov 112(%ecx), %eax; mov $operand, %ebx; jmp 0x100000\n"
  "done: mov saved_esp, %esp; pushf; pop saved_flags; mov %eax, saved_eax; fnsave saved_image; cld\n"
  "  pop %edi; pop %esi; pop %ebx; pop %ebp; ret\n"
  );

static void copy(u8 *to, const u8 *from, u32 bytes) {
  for (u32 i = 0; i < bytes; i++) to[i] = from[i];
}

void start(void) {
  static struct testcase one;
  static struct outcome out[256];
  u32 count = 0;
  u32 arguments[6] = { CODE, PAGE, 7, 0x32, (u32)-1, 0 };
  if ((u32)map_memory(arguments) != CODE) syscall3(1, 2, 0, 0);
  catch_signals();
  u8 *code = (u8 *)CODE;
  while (read_all(&one, sizeof one)) {
    copy(operand, one.data, DATA_BYTES);
    copy(code, one.code, one.length);
    /* jmp done */
    code[one.length] = 0xe9;
    *(u32 *)(code + one.length + 1) = (u32)done - (CODE + one.length + 5);
    trap = (u32)-1;
    enter(&one);
    struct outcome *at = &out[count++];
    copy(at->image, saved_image, IMAGE);
    copy(at->data, operand, DATA_BYTES);
    at->eflags = saved_flags;
    at->eax = saved_eax;
    at->trap = trap;
    if (count == 256) {
      write_all(out, sizeof out);
      count = 0;
    }
  }
  write_all(out, count * sizeof out[0]);
  syscall3(1, 0, 0, 0);
}
