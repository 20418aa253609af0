/** What a new source may begin as. Each assembles, and each one but the last starts a machine. */
export interface SourceTemplate {
  id: string;
  title: string;
  /** One sentence on what it is. */
  about: string;
  /** The name proposed for the file. */
  name: string;
  text: string;
}

export const TEMPLATES: readonly SourceTemplate[] = [
  {
    id: 'boot-sector',
    title: 'Boot sector',
    about: '512 bytes in 16-bit code at 7c00: writes a line by the text screen’s memory.',
    name: 'boot.asm',
    text: `; A boot sector: the firmware loads it at 7c00 and jumps there, in 16-bit code.
        bits 16
        org 0x7c00

start:  cli
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7c00
        mov ax, 0xb800          ; the text screen's memory
        mov es, ax
        mov si, message
        xor di, di
        mov ah, 0x1f            ; white on blue
        cld
.next:  lodsb
        test al, al
        jz .done
        stosw
        jmp .next
.done:  hlt
        jmp .done

message db 'Hello from the boot sector.', 0

        times 510 - ($ - $$) db 0
        dw 0xaa55               ; what makes it one
`,
  },
  {
    id: 'protected-mode',
    title: 'Boot sector, protected mode',
    about: 'Goes from 16-bit real mode to flat 32-bit protected mode.',
    name: 'protected.asm',
    text: `; From real mode to flat 32-bit protected mode.
        bits 16
        org 0x7c00

start:  cli
        xor ax, ax
        mov ds, ax
        in al, 0x92             ; A20 by the fast gate
        or al, 2
        out 0x92, al
        lgdt [gdt_pointer]
        mov eax, cr0
        or eax, 1               ; PE
        mov cr0, eax
        jmp CODE:protected

        bits 32
protected:
        mov ax, DATA
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, 0x90000
        mov edi, 0xb8000
        mov esi, message
        mov ah, 0x2f
.next:  lodsb
        test al, al
        jz .done
        stosw
        jmp .next
.done:  hlt
        jmp .done

message db 'In protected mode.', 0

        align 8
gdt:    dq 0
CODE    equ $ - gdt
        dq 0x00cf9a000000ffff   ; code, 4 GiB from 0
DATA    equ $ - gdt
        dq 0x00cf92000000ffff   ; data, 4 GiB from 0
gdt_pointer:
        dw $ - gdt - 1
        dd gdt

        times 510 - ($ - $$) db 0
        dw 0xaa55
`,
  },
  {
    id: 'multiboot',
    title: 'Multiboot kernel',
    about: 'A kernel at 1 MiB, loaded by the Multiboot protocol, in 32-bit code.',
    name: 'kernel.asm',
    text: `; A kernel for the Multiboot protocol: 32-bit code at 1 MiB, flat segments.
        bits 32
        org 0x100000

MAGIC   equ 0x1badb002
FLAGS   equ 0x00010000          ; the addresses below are valid

header: dd MAGIC, FLAGS, -(MAGIC + FLAGS)
        dd header, header, end, end, start

start:  mov esp, stack
        mov edi, 0xb8000
        mov esi, message
        mov ah, 0x3f
.next:  lodsb
        test al, al
        jz .done
        stosw
        jmp .next
.done:  hlt
        jmp .done

message db 'Hello from a kernel.', 0

        align 16
        times 4096 db 0
stack:
end:
`,
  },
  {
    id: 'include',
    title: 'File to include',
    about: 'Macros and constants that other sources take in by %include.',
    name: 'macros.inc',
    text: `; Taken in by %include "macros.inc".
%ifndef MACROS_INC
%define MACROS_INC

; Writes AL to a port.
%macro outb 2
        mov al, %2
        out %1, al
%endmacro

%endif
`,
  },
];
