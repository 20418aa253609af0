/*
 * Runs single x87 instructions on the host's own CPU, in 32-bit user mode, and reports what they did. Freestanding, as
 * runner.c; see x87.spec.ts for the other side.
 *
 * A case: the image for FRSTOR, EFLAGS, EAX, the instruction (its memory operand is at [ebx]) and 128 bytes of memory. An outcome:
 * the image of FNSAVE, EFLAGS, EAX, the trap number or -1, the memory.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned short u16;

enum { CODE = 0x100000, PAGE = 4096, IMAGE = 108, DATA_BYTES = 128 };

struct testcase { u8 image[IMAGE]; u32 eflags, eax, length; u8 code[8]; u8 data[DATA_BYTES]; };
struct outcome { u8 image[IMAGE]; u32 eflags, eax, trap; u8 data[DATA_BYTES]; };

/* struct sigcontext of i386 Linux (arch/x86/include/uapi/asm/sigcontext.h), as far as it is needed. */
struct sigcontext32 {
  u16 gs, gsh, fs, fsh, es, esh, ds, dsh;
  u32 di, si, bp, sp, bx, dx, cx, ax, trapno, err, ip;
  u16 cs, csh;
  u32 flags, sp_at_signal;
};
struct ucontext32 { u32 flags, link, stack[3]; struct sigcontext32 mcontext; };

static int syscall3(int number, u32 a, u32 b, u32 c) {
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
}
static int map_memory(u32 *arguments) {
  int result;
  __asm__ volatile("push %%ebp; mov 20(%%esi), %%ebp; mov 16(%%esi), %%edi; mov 12(%%esi), %%edx; mov %%edx, %%eax;"
                   "mov 8(%%esi), %%edx; mov 4(%%esi), %%ecx; mov (%%esi), %%ebx; mov %%eax, %%esi; mov %1, %%eax; int $0x80; pop %%ebp"
                   : "=a"(result) : "i"(192), "S"(arguments) : "ebx", "ecx", "edx", "edi", "memory");
  return result;
}

u32 saved_esp, saved_eax, saved_flags;
u8 saved_image[IMAGE], operand[DATA_BYTES] __attribute__((aligned(64)));
static u32 trap;
static u8 handler_stack[65536] __attribute__((aligned(16)));
extern void done(void), restorer(void), enter(struct testcase *);

void on_signal(int signal, void *info, struct ucontext32 *context) {
  (void)signal;
  (void)info;
  trap = context->mcontext.trapno;
  context->mcontext.ip = (u32)done;
}

__asm__(
  ".globl enter, done, restorer\n"
  "enter: push %ebp; push %ebx; push %esi; push %edi; mov 20(%esp), %ecx; mov %esp, saved_esp\n"
  "  frstor (%ecx); push 108(%ecx); popf; mov 112(%ecx), %eax; mov $operand, %ebx; jmp 0x100000\n"
  "done: mov saved_esp, %esp; pushf; pop saved_flags; mov %eax, saved_eax; fnsave saved_image; cld\n"
  "  pop %edi; pop %esi; pop %ebx; pop %ebp; ret\n"
  "restorer: mov $173, %eax; int $0x80\n");

static int read_all(void *buffer, u32 bytes) {
  u32 have = 0;
  while (have < bytes) {
    int n = syscall3(3, 0, (u32)buffer + have, bytes - have);
    if (n <= 0) return 0;
    have += n;
  }
  return 1;
}
static void write_all(const void *buffer, u32 bytes) {
  u32 written = 0;
  while (written < bytes) {
    int n = syscall3(4, 1, (u32)buffer + written, bytes - written);
    if (n <= 0) syscall3(1, 3, 0, 0);
    written += n;
  }
}
static void copy(u8 *to, const u8 *from, u32 bytes) {
  for (u32 i = 0; i < bytes; i++) to[i] = from[i];
}

void start(void) {
  static struct testcase one;
  static struct outcome out[256];
  u32 count = 0;
  u32 arguments[6] = { CODE, PAGE, 7, 0x32, (u32)-1, 0 };
  if ((u32)map_memory(arguments) != CODE) syscall3(1, 2, 0, 0);
  u32 stack[3] = { (u32)handler_stack, 0, sizeof handler_stack };
  syscall3(186, (u32)stack, 0, 0);
  /* SA_SIGINFO, SA_ONSTACK, SA_RESTORER, SA_NODEFER. */
  struct { u32 handler, flags, restorer, mask[2]; } action = { (u32)on_signal, 0x4 | 0x08000000 | 0x04000000 | 0x40000000, (u32)restorer, { 0, 0 } };
  int signals[] = { 4, 5, 7, 8, 11 };
  for (int i = 0; i < 5; i++) {
    int result = 174;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(signals[i]), "c"(&action), "d"(0), "S"(8) : "memory");
    if (result != 0) syscall3(1, 4, 0, 0);
  }
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
