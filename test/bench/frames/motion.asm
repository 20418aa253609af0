; A Multiboot kernel that shows motion: 640 x 480 at 32 bits a pixel by the Bochs display interface, and sixty times a second, at the
; timer's interrupt, a new picture in which nearly every pixel differs from the one before. The pictures are parts of one that is
; higher than the screen: gradients with noise on them, as video has, so that no encoding gets them for nothing.
; Runs on the bench machine and, as it is, on QEMU's standard VGA.
        bits 32
        org 0x100000

%ifndef WIDTH                           ; whoever includes this may have another size
WIDTH           equ 640
HEIGHT          equ 480
%endif
PICTURES        equ 64                  ; different pictures, each a few lines further down
STEP            equ 5                   ; lines from one to the next
PICTURE         equ 0x400000            ; where the large picture is drawn
DEFAULT_BAR     equ 0xe0000000          ; for the frame buffer, where no firmware gave it a place

        align 4
header: dd 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
        dd header, header, end, end, start

%macro dispi 2
        mov dx, 0x1ce
        mov ax, %1
        out dx, ax
        inc dx
        mov ax, %2
        out dx, ax
%endmacro

start:  cli
        cld
        mov esp, stack
        lgdt [gdt_pointer]
        jmp 8:flat
flat:   mov ax, 16
        mov ds, ax
        mov es, ax
        mov ss, ax

; The display adapter: the function on bus 0 with QEMU's and Bochs's own identity.
        mov ebx, 0x80000000
find:   mov eax, ebx
        mov dx, 0xcf8
        out dx, eax
        mov dx, 0xcfc
        in eax, dx
        cmp eax, 0x11111234
        je found
        add ebx, 0x100
        cmp ebx, 0x80010000
        jb find
        jmp $
found:  lea eax, [ebx+0x10]             ; BAR 0
        mov dx, 0xcf8
        out dx, eax
        mov dx, 0xcfc
        in eax, dx
        and eax, 0xfffffff0
        jnz placed
        mov eax, DEFAULT_BAR
        out dx, eax
        lea eax, [ebx+4]                ; command: memory space
        mov dx, 0xcf8
        out dx, eax
        mov dx, 0xcfc
        in eax, dx
        or eax, 3
        out dx, eax
        mov eax, DEFAULT_BAR
placed: mov [frame_buffer], eax

        dispi 4, 0
        dispi 1, WIDTH
        dispi 2, HEIGHT
        dispi 3, 32
        dispi 4, 0x41                   ; enabled, linear frame buffer
        mov dx, 0x3da                   ; the attribute controller's display on
        in al, dx
        mov dx, 0x3c0
        mov al, 0x20
        out dx, al

; The large picture: red by column, green by line, blue noise.
        mov edi, PICTURE
        xor ebp, ebp
        mov ebx, 0x2545f491
line:   xor ecx, ecx
column: mov eax, ebx                    ; xorshift32
        shl eax, 13
        xor ebx, eax
        mov eax, ebx
        shr eax, 17
        xor ebx, eax
        mov eax, ebx
        shl eax, 5
        xor ebx, eax
        mov eax, ebx
        and eax, 0x1f1f7f
        mov edx, ebp
        and edx, 0xff
        shl edx, 8
        add eax, edx
        mov edx, ecx
        shr edx, 2
        shl edx, 16
        add eax, edx
        stosd
        inc ecx
        cmp ecx, WIDTH
        jb column
        inc ebp
        cmp ebp, HEIGHT + PICTURES * STEP
        jb line

; The timer: 60 Hz on interrupt 32, all others masked.
        mov al, 0x11
        out 0x20, al
        mov al, 32
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, 0xfe
        out 0x21, al
        mov al, 0xff
        out 0xa1, al
        mov al, 0x34
        out 0x43, al
        mov ax, 19886
        out 0x40, al
        mov al, ah
        out 0x40, al
        mov eax, tick
        mov [idt+32*8], ax
        shr eax, 16
        mov [idt+32*8+6], ax
        mov word [idt+32*8+2], 8
        mov word [idt+32*8+4], 0x8e00
        lidt [idt_pointer]
        sti

wait:   hlt
        cmp byte [due], 0
        je wait
        mov byte [due], 0
        mov eax, [picture]
        inc eax
        and eax, PICTURES - 1
        mov [picture], eax
        imul esi, eax, STEP * WIDTH * 4
        add esi, PICTURE
        mov edi, [frame_buffer]
        mov ecx, WIDTH * HEIGHT
        rep movsd
        jmp wait

tick:   push eax
        mov byte [due], 1
        mov al, 0x20
        out 0x20, al
        pop eax
        iretd

        align 8
gdt:    dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        dw 23
        dd gdt
idt_pointer:
        dw 33*8-1
        dd idt
        align 4
frame_buffer:
        dd 0
picture: dd 0
due:    db 0
        align 8
idt:    times 33*8 db 0
        times 4096 db 0
stack:
end:
