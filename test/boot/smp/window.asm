; Paging for programs that change a mapping: 64 MiB where they are, the local APIC, and a window of one page that a table entry of 4 KiB maps to one of
; 64 pages. Included behind bring-up.asm.

WINDOW          equ 0x10000000
DIRECTORY       equ 0x500000
TABLE           equ 0x501000            ; its first entry is that of the window
PAGES           equ 0x600000            ; page n holds its number

; The including program's code comes by `main`: nothing falls in here.
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
        mov dword [TABLE], PAGES + 0x1000 + 7
        mov edi, PAGES
        xor eax, eax
.page:
        mov [edi], eax
        add edi, 0x1000
        inc eax
        cmp eax, 0x40
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

