; A Multiboot kernel that shows text as a program does that writes to a terminal: 80 x 25, twenty lines a second, each of words that differ, and the screen
; scrolls. Runs on the bench machine and, as it is, on QEMU's standard VGA, in the text mode that each begins in.

%include "../ticking.asm"

main:
; 20 Hz.
        mov ax, 59659
        call start_timer
        mov ebx, 0x2545f491

next:   call await_tick
        mov esi, 0xb8000 + 160
        mov edi, 0xb8000
        mov ecx, 24 * 160 / 4
        rep movsd
; A line of up to 79 characters: small letters, with a space after every sixth or so.
        mov ecx, 80
        mov edx, ebx
        and edx, 63
letter: call random
        mov eax, ebx
        shr eax, 7
        and eax, 31
        cmp ecx, edx
        jb blank
        cmp al, 26
        jb shown
blank:  mov al, ' ' - 'a'
shown:  add al, 'a'
        mov ah, 7
        stosw
        dec ecx
        jnz letter
        jmp next

random: mov eax, ebx                    ; xorshift32
        shl eax, 13
        xor ebx, eax
        mov eax, ebx
        shr eax, 17
        xor ebx, eax
        mov eax, ebx
        shl eax, 5
        xor ebx, eax
        ret
end:
