; One processor maps a window now here, now there, now nowhere; another forgets its translation and reads the window, again and again, and counts the
; page faults that it has itself. Tools read the window of either meanwhile.

%include "bring-up.asm"
%include "window.asm"

faults          equ shared + 0x000      ; that the reader had
mixed           equ shared + 0x040      ; reads of two pages at once
ended           equ shared + 0x080
rounds_done     equ shared + 0x0c0
begun           equ shared + 0x100

main:
        test ebx, ebx
        jnz remapper
        call build_tables
        call fill_pages
        mov dword [TABLE], 0            ; nowhere
        mov ecx, 14
        mov eax, page_fault
        call set_gate
        call switch_paging_on
        mov dword [begun], 1
.again:
        invlpg [WINDOW]
        xor eax, eax
        mov eax, [WINDOW + 0x7fc]
        mov ecx, eax
        shr ecx, 8
        cmp al, cl
        je .next
        inc dword [mixed]
.next:
        cmp dword [ended], 0
        je .again
        ret

; Only the read of the window faults; it has five bytes.
page_fault:
        inc dword [faults]
        add dword [esp + 4], 5
        add esp, 4
        iret

remapper:
        pause
        cmp dword [begun], 0
        je remapper
        call switch_paging_on
        xor ebp, ebp
.round:
        inc ebp
        mov eax, ebp
        and eax, 7
        jz .nowhere
        shl eax, 12
        add eax, PAGES + 7
.nowhere:
        mov [TABLE], eax
        mov ecx, 100
.wait:
        pause
        loop .wait
        cmp ebp, ROUNDS
        jb .round
        mov [rounds_done], ebp
        mov dword [ended], 1
        ret

; Page n is full of n.
fill_pages:
        mov edi, PAGES
        xor eax, eax
.page:
        mov ecx, 1024
        rep stosd
        add eax, 0x01010101
        cmp eax, 0x08080808
        jb .page
        ret

finish:
        report "rounds ", rounds_done
        report " mixed ", mixed
        report " faults ", faults
        ret

kernel_end:
bss_end         equ kernel_end
