; One processor maps a window now here, now there, now nowhere; another forgets its translation and reads the window, again and again, and counts the
; page faults that it has itself. Tools read the window of either meanwhile.

%include "bring-up.asm"

WINDOW          equ 0x10000000          ; one page; the next is never there
DIRECTORY       equ 0x500000
TABLE           equ 0x501000
PAGES           equ 0x600000            ; page n is full of n
faults          equ shared + 0x000      ; that the reader had
mixed           equ shared + 0x040      ; reads of two pages at once
ended           equ shared + 0x080
rounds_done     equ shared + 0x0c0
begun           equ shared + 0x100

main:
        test ebx, ebx
        jnz remapper
        call build_tables
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

build_tables:
        mov edi, DIRECTORY
        xor eax, eax
        mov ecx, 2 * 1024
        rep stosd
        mov ecx, 16                     ; 64 MiB where they are
        mov edi, DIRECTORY
        mov eax, 0x87
.large:
        mov [edi], eax
        add eax, 0x400000
        add edi, 4
        loop .large
        mov dword [DIRECTORY + (APIC >> 22) * 4], (APIC & 0xffc00000) + 0x9f
        mov dword [DIRECTORY + (WINDOW >> 22) * 4], TABLE + 7
        mov edi, PAGES
        xor eax, eax
.page:
        mov ecx, 1024
        rep stosd
        add eax, 0x01010101
        cmp eax, 0x08080808
        jb .page
        ret

switch_paging_on:
        mov eax, cr4
        or eax, 0x10                    ; PSE
        mov cr4, eax
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        ret

finish:
        report "rounds ", rounds_done
        report " mixed ", mixed
        report " faults ", faults
        ret

kernel_end:
bss_end         equ kernel_end
