; TLB shoot-down: the bootstrap processor maps a window to another page, interrupts the others, and waits for their INVLPG; from then on nobody
; may read the old page there. The others read the window in a loop all the while.

%include "bring-up.asm"
%include "window.asm"

VECTOR          equ 0x41
current         equ shared + 0x000      ; what the window has to show from now on
acknowledged    equ shared + 0x040
stale           equ shared + 0x080
ended           equ shared + 0x0c0
rounds_done     equ shared + 0x100
reads           equ shared + 0x140

main:
        test ebx, ebx
        jnz reader
        call build_tables
        call switch_paging_on
        mov ecx, VECTOR
        mov eax, handler
        call set_gate
        mov dword [current], 1          ; the others may begin
        mov ebp, 1
.round:
        inc ebp
        mov eax, ebp
        and eax, 0x3f
        shl eax, 12
        add eax, PAGES + 7
        mov [TABLE], eax
        invlpg [WINDOW]
        mov dword [acknowledged], 0
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | 0x4000 | VECTOR
.wait:
        pause
        cmp dword [acknowledged], PROCESSORS - 1
        jb .wait
        mov [current], ebp
        cmp ebp, ROUNDS
        jb .round
        mov [rounds_done], ebp
        mov dword [ended], 1
        ret

; The window has to show what it should by the first look at `current`, or something newer, up to one more than it should by the second: the
; processor may be interrupted, again and again, in between.
reader:
        pause
        cmp dword [current], 0
        je reader
        call switch_paging_on
        sti
.again:
        mov ecx, [current]
        mov eax, [WINDOW]
        mov edx, [current]
        sub eax, ecx
        and eax, 0x3f
        sub edx, ecx
        inc edx
        cmp eax, edx
        jbe .fresh
        lock inc dword [stale]
.fresh:
        lock inc dword [reads]
        cmp dword [ended], 0
        je .again
        ret

handler:
        invlpg [WINDOW]
        lock inc dword [acknowledged]
        mov dword [APIC_EOI], 0
        iret

finish:
        report "rounds ", rounds_done
        report " stale ", stale
        ret

kernel_end:
bss_end         equ kernel_end
