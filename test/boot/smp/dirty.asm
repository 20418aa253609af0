; Accessed and dirty bits: processor 1 takes them back, stores to the page, and has to find them set; meanwhile the others change flags of their own in
; the very same table entry, by locked instructions, and have to find each change.

%include "bring-up.asm"
%include "window.asm"

ACCESSED        equ 1 << 5
DIRTY           equ 1 << 6
FLAG            equ 1 << 9              ; the first of those that are software's
ready           equ shared + 0x000
clean           equ shared + 0x040      ; stores after which a bit was missing
lost            equ shared + 0x080      ; changes that were lost
ended           equ shared + 0x0c0
rounds_done     equ shared + 0x100
flips           equ shared + 0x140

main:
        test ebx, ebx
        jnz .wait
        call build_tables
        mov dword [ready], 1
.wait:
        pause
        cmp dword [ready], 1
        jne .wait
        call switch_paging_on
        cmp ebx, 1
        je store
        mov edx, FLAG
        xor ecx, ecx                    ; the flag as it has to be
        test ebx, ebx
        jz flip
        shl edx, 1
        cmp ebx, 2
        je flip
        ret

; This processor alone changes the flag EDX.
flip:
        lock xor [TABLE], edx
        mov eax, [TABLE]
        xor ecx, edx
        xor eax, ecx
        test eax, edx
        jz .there
        lock inc dword [lost]
.there:
        lock inc dword [flips]
        cmp dword [ended], 0
        je flip
        ret

store:
        xor ebp, ebp
.round:
        inc ebp
        lock and dword [TABLE], ~(ACCESSED | DIRTY)
        invlpg [WINDOW]
        mov [WINDOW + 8], ebp
        mov eax, [TABLE]
        not eax
        test eax, ACCESSED | DIRTY
        jz .set
        lock inc dword [clean]
.set:
        lock and dword [TABLE], ~ACCESSED
        invlpg [WINDOW]
        cmp [WINDOW + 8], ebp
        jne .wrong
        test dword [TABLE], ACCESSED
        jnz .read
.wrong:
        lock inc dword [clean]
.read:
        cmp ebp, ROUNDS
        jb .round
        mov [rounds_done], ebp
        mov dword [ended], 1
        ret

finish:
        report "rounds ", rounds_done
        report " clean ", clean
        report " lost ", lost
        report " flips ", flips
        ret

kernel_end:
bss_end         equ kernel_end
