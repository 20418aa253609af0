/*
 * What the programs of this folder share: types, the system calls of i386 Linux they need (there is no C library), and the
 * signal frame. A program includes it once.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned short u16;

/* struct sigcontext of i386 Linux (arch/x86/include/uapi/asm/sigcontext.h). */
struct sigcontext32 {
  u16 gs, gsh, fs, fsh, es, esh, ds, dsh;
  u32 di, si, bp, sp, bx, dx, cx, ax, trapno, err, ip;
  u16 cs, csh;
  u32 flags, sp_at_signal;
  u16 ss, ssh;
  u32 fpstate, oldmask, cr2;
};
struct ucontext32 { u32 flags, link, stack[3]; struct sigcontext32 mcontext; };

static int syscall3(int number, u32 a, u32 b, u32 c) {
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
}
/* mmap2: six arguments, the last in EBP. */
static int map_memory(u32 *arguments) {
  int result;
  __asm__ volatile("push %%ebp; mov 20(%%esi), %%ebp; mov 16(%%esi), %%edi; mov 12(%%esi), %%edx; mov %%edx, %%eax;"
                   "mov 8(%%esi), %%edx; mov 4(%%esi), %%ecx; mov (%%esi), %%ebx; mov %%eax, %%esi; mov %1, %%eax; int $0x80; pop %%ebp"
                   : "=a"(result) : "i"(192), "S"(arguments) : "ebx", "ecx", "edx", "edi", "memory");
  return result;
}

static int read_all(void *buffer, u32 bytes) {
  u32 done = 0;
  while (done < bytes) {
    int n = syscall3(3, 0, (u32)buffer + done, bytes - done);
    if (n <= 0) return 0;
    done += n;
  }
  return 1;
}
static void write_all(const void *buffer, u32 bytes) {
  u32 done = 0;
  while (done < bytes) {
    int n = syscall3(4, 1, (u32)buffer + done, bytes - done);
    if (n <= 0) syscall3(1, 3, 0, 0);
    done += n;
  }
}
static void map(u32 address, u32 bytes, u32 protection) {
  u32 arguments[6] = { address, bytes, protection, 0x32, (u32)-1, 0 };
  if ((u32)map_memory(arguments) != address) syscall3(1, 2, 0, 0);
}

static u8 handler_stack[65536] __attribute__((aligned(16)));
extern void restorer(void);
void on_signal(int signal, void *info, struct ucontext32 *context);
__asm__(".globl restorer\nrestorer: mov $173, %eax; int $0x80\n");

/* on_signal gets every fault, on a stack of its own: the case's ESP may be anything. */
static void catch_signals(void) {
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
}
