/*
 * Runs single instructions on the host's own CPU, in 32-bit user mode, and reports what they did.
 * Freestanding (no C library, so that a compiler without 32-bit headers will do): cases on standard input, outcomes on
 * standard output, fixed-size little-endian records. See host-cpu.spec.ts for the other side.
 *
 * Address space of a case: code page at 0x100000 (filled with INT3), two data pages at 0x200000, nothing else low.
 */
#include "host.h"

enum { CODE = 0x100000, DATA = 0x200000, PAGE = 4096, DATA_BYTES = 2 * PAGE };

struct testcase { u32 regs[8]; u32 eflags; u32 seed; u32 length; u8 code[16]; };
struct outcome { u32 regs[8]; u32 eflags; u32 eip; u32 trap; u32 error; u32 cr2; u32 hash; };

static struct outcome now;
u32 saved_esp;
extern void resume(void), enter(struct testcase *);

void on_signal(int signal, void *info, struct ucontext32 *context) {
  struct sigcontext32 *at = &context->mcontext;
  (void)signal;
  (void)info;
  u32 regs[8] = { at->ax, at->cx, at->dx, at->bx, at->sp, at->bp, at->si, at->di };
  for (int i = 0; i < 8; i++) now.regs[i] = regs[i];
  now.eflags = at->flags;
  now.eip = at->ip;
  now.trap = at->trapno;
  now.error = at->err;
  now.cr2 = at->cr2;
  at->ip = (u32)resume;
  at->sp = saved_esp;
  at->flags = 0x202;
}

__asm__(
  ".globl enter, resume\n"
  "enter: push %ebp; push %ebx; push %esi; push %edi; mov 20(%esp), %eax; mov %esp, saved_esp\n"
  "  push 32(%eax); popf\n"
  "  mov 4(%eax), %ecx; mov 8(%eax), %edx; mov 12(%eax), %ebx; mov 20(%eax), %ebp; mov 24(%eax), %esi; mov 28(%eax), %edi\n"
  "  mov 16(%eax), %esp; mov (%eax), %eax; jmp 0x100000\n"
  "resume: cld; pop %edi; pop %esi; pop %ebx; pop %ebp; ret\n"
  );

void start(void) {
  static struct testcase one;
  static struct outcome out[1024];
  u32 count = 0;
  map(CODE, PAGE, 7);
  map(DATA, DATA_BYTES, 3);
  catch_signals();
  u8 *code = (u8 *)CODE;
  u32 *data = (u32 *)DATA;
  while (read_all(&one, sizeof one)) {
    u32 state = one.seed | 1;
    for (u32 i = 0; i < DATA_BYTES / 4; i++) {
      state ^= state << 13;
      state ^= state >> 17;
      state ^= state << 5;
      data[i] = state;
    }
    /* Places where pointers and stacks of the cases look: the code page, so that RET and indirect jumps land there. */
    for (u32 i = 0; i < 64; i++) data[DATA_BYTES / 8 + i] = CODE + 0x800 + (data[i] & 0xff);
    for (u32 i = 0; i < PAGE; i++) code[i] = 0xcc;
    for (u32 i = 0; i < one.length; i++) code[i] = one.code[i];
    enter(&one);
    u32 hash = 0x811c9dc5;
    for (u32 i = 0; i < DATA_BYTES / 4; i++) hash = (hash ^ data[i]) * 0x01000193;
    now.hash = hash;
    out[count++] = now;
    if (count == 1024) {
      write_all(out, sizeof out);
      count = 0;
    }
  }
  write_all(out, count * sizeof out[0]);
  syscall3(1, 0, 0, 0);
}
