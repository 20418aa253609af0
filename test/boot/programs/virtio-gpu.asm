; A driver of the virtio GPU, by the specification alone: asks for the size of scanout 0, gives it a picture of that size, and does so again at
; each display event. On port 0xE9: "gpu WIDTHxHEIGHT", a line for each picture.

%include "driver.asm"

GPU             equ 0x80001800          ; 00:03.0
PLACE           equ 0xe4000000
TRANSPORT          equ PLACE
DEVICE          equ PLACE + 0x2000
NOTIFY          equ PLACE + 0x3000
QUEUE           equ 0x200000            ; descriptors, available ring at 1000, used ring at 2000
REQUEST         equ 0x210000
ANSWER          equ 0x218000
PIXELS          equ 0x400000
ENTRIES         equ 16
INFO_BYTES      equ 408

driver:
        mov eax, GPU
        call pci_read
        cmp eax, 0x10501af4
        jne broken
        mov eax, GPU + 0x20             ; BAR 4
        mov ebx, PLACE
        call pci_write
        mov eax, GPU + 4
        mov ebx, 6                      ; memory, bus master
        call pci_write
        mov byte [TRANSPORT + 0x14], 0
        mov byte [TRANSPORT + 0x14], 3     ; acknowledge, driver
        mov dword [TRANSPORT + 0x08], 0
        mov dword [TRANSPORT + 0x0c], 2    ; EDID
        mov dword [TRANSPORT + 0x08], 1
        mov dword [TRANSPORT + 0x0c], 1    ; version 1
        mov byte [TRANSPORT + 0x14], 11
        test byte [TRANSPORT + 0x14], 8
        jz broken
        mov word [TRANSPORT + 0x16], 0
        mov word [TRANSPORT + 0x18], ENTRIES
        mov dword [TRANSPORT + 0x20], QUEUE
        mov dword [TRANSPORT + 0x28], QUEUE + 0x1000
        mov dword [TRANSPORT + 0x30], QUEUE + 0x2000
        mov word [TRANSPORT + 0x1c], 1
        mov byte [TRANSPORT + 0x14], 15
        mov word [QUEUE + 0x1000], 1    ; no interrupts
        cmp dword [DEVICE + 8], 8       ; scanouts
        jne broken
picture:
        mov dword [DEVICE + 4], 1       ; the event is taken
        mov esi, get_info
        mov ecx, 24
        mov edx, INFO_BYTES
        call command
        cmp eax, 0x1101
        jne broken
        mov eax, [ANSWER + 24 + 8]
        mov [width], eax
        mov eax, [ANSWER + 24 + 12]
        mov [height], eax
        ; The EDID prefers the same width.
        mov esi, get_edid
        mov ecx, 32
        mov edx, 24 + 8 + 1024
        call command
        cmp eax, 0x1104
        jne broken
        movzx eax, byte [ANSWER + 32 + 58]
        shr eax, 4
        shl eax, 8
        movzx ebx, byte [ANSWER + 32 + 56]
        or eax, ebx
        cmp eax, [width]
        jne broken
        ; The resource of before goes.
        cmp dword [resource], 0
        je .first
        mov eax, [resource]
        mov [unref + 24], eax
        mov esi, unref
        mov ecx, 32
        call plain
.first: inc dword [resource]
        mov eax, [resource]
        mov [create + 24], eax
        mov [attach + 24], eax
        mov [scanout + 24 + 20], eax
        mov [transfer + 24 + 24], eax
        mov [flush + 24 + 16], eax
        mov eax, [width]
        mov [create + 32], eax
        mov [scanout + 32], eax
        mov [transfer + 32], eax
        mov [flush + 32], eax
        mov ebx, [height]
        mov [create + 36], ebx
        mov [scanout + 36], ebx
        mov [transfer + 36], ebx
        mov [flush + 36], ebx
        mul ebx
        shl eax, 2
        mov [attach + 40], eax          ; bytes of the one run
        ; Green, with a corner of red.
        mov edi, PIXELS
        mov ecx, eax
        shr ecx, 2
        mov eax, 0x0000ff00
        rep stosd
        mov dword [PIXELS], 0x00ff0000
        mov esi, create
        mov ecx, 40
        call plain
        mov esi, attach
        mov ecx, 48
        call plain
        mov esi, scanout
        mov ecx, 48
        call plain
        mov esi, transfer
        mov ecx, 56
        call plain
        mov esi, flush
        mov ecx, 48
        call plain
        mov esi, text_gpu
        call say
        mov eax, [width]
        call number
        mov al, 'x'
        out 0xe9, al
        mov eax, [height]
        call number
        mov al, 10
        out 0xe9, al
.wait:  test dword [DEVICE], 1
        jnz picture
        pause
        jmp .wait

; A command that is answered without data.
plain:  mov edx, 24
        call command
        cmp eax, 0x1100
        jne broken
        ret

; Sends ECX bytes at ESI, with room for EDX bytes of answer; EAX = the answer's type.
command:
        mov dword [QUEUE], esi
        mov dword [QUEUE + 4], 0
        mov dword [QUEUE + 8], ecx
        mov dword [QUEUE + 12], 1 | (1 << 16)
        mov dword [QUEUE + 16], ANSWER
        mov dword [QUEUE + 20], 0
        mov dword [QUEUE + 24], edx
        mov dword [QUEUE + 28], 2
        movzx ebx, word [QUEUE + 0x1002]
        and ebx, ENTRIES - 1
        mov word [QUEUE + 0x1004 + ebx * 2], 0
        inc word [QUEUE + 0x1002]
        mov word [NOTIFY], 0
        mov bx, [QUEUE + 0x1002]
.wait:  cmp [QUEUE + 0x2002], bx
        jne .wait
        mov eax, [ANSWER]
        ret

number: mov ebx, 10
        xor ecx, ecx
.digit: xor edx, edx
        div ebx
        push edx
        inc ecx
        test eax, eax
        jnz .digit
.put:   pop eax
        add al, '0'
        out 0xe9, al
        loop .put
        ret

text_gpu        db 'gpu ', 0
        align 4
width           dd 0
height          dd 0
resource        dd 0
; Header of 24 bytes, then the command's own words.
%macro request 1
        dd %1, 0, 0, 0, 0, 0
%endmacro
get_info:       request 0x100
get_edid:       request 0x10a
                dd 0, 0
create:         request 0x101
                dd 0, 2, 0, 0
unref:          request 0x102
                dd 0, 0
scanout:        request 0x103
                dd 0, 0, 0, 0, 0, 0
flush:          request 0x104
                dd 0, 0, 0, 0, 0, 0
transfer:       request 0x105
                dd 0, 0, 0, 0, 0, 0, 0, 0
attach:         request 0x106
                dd 0, 1, PIXELS, 0, 0, 0
end_of_file:
