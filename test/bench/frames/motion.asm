; A Multiboot kernel that shows motion: 640 x 480 at 32 bits a pixel by the Bochs display interface, and sixty times a second, at the
; timer's interrupt, a new picture in which nearly every pixel differs from the one before. The pictures are parts of one that is
; higher than the screen: gradients with noise on them, as video has, so that no encoding gets them for nothing.
; Runs on the bench machine and, as it is, on QEMU's standard VGA.

%include "../ticking.asm"

%ifndef WIDTH                           ; whoever includes this may have another size
WIDTH           equ 640
HEIGHT          equ 480
%endif
PICTURES        equ 64                  ; different pictures, each a few lines further down
STEP            equ 5                   ; lines from one to the next
PICTURE         equ 0x400000            ; where the large picture is drawn
DEFAULT_BAR     equ 0xe0000000          ; for the frame buffer, where no firmware gave it a place

%macro dispi 2
        mov dx, 0x1ce
        mov ax, %1
        out dx, ax
        inc dx
        mov ax, %2
        out dx, ax
%endmacro

main:
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

; 60 Hz.
        mov ax, 19886
        call start_timer

next:   call await_tick
        mov eax, [picture]
        inc eax
        and eax, PICTURES - 1
        mov [picture], eax
        imul esi, eax, STEP * WIDTH * 4
        add esi, PICTURE
        mov edi, [frame_buffer]
        mov ecx, WIDTH * HEIGHT
        rep movsd
        jmp next

        align 4
frame_buffer:
        dd 0
picture: dd 0
end:
