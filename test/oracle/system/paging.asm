; Every combination of page flags with every kind of access.
;   bits 0-2    P, W, U of the table entry      bits 3-5    P, W, U of the directory entry
;   bit 6       CR0.WP                          bits 7-9    kind of access
;   bits 10-11  mode: 4 KiB, 4 MiB, PAE 4 KiB, PAE 2 MiB
;   bit 12      NX in the entry that maps, for the PAE modes; in the others, a bit above the ones used so far (G)
; In large pages bits 0-2 are A, G and a reserved address bit instead.
name_paging     db 'paging', 0

LINEAR          equ 0x40000000
DIRECTORY       equ PAGES
TABLE           equ PAGES + 0x1000
PDPT            equ PAGES + 0x2000
PAE_LOW         equ PAGES + 0x4000      ; directory of the first GiB
PAE_DIRECTORY   equ PAGES + 0x5000      ; and of LINEAR's
PAE_TABLE       equ PAGES + 0x6000
EFER            equ 0xc0000080

run_paging:
        mov ebp, eax
        mov edi, PAGES
        mov ecx, 0x8000 / 4
        xor eax, eax
        rep stosd
        ; Identity, with all rights.
        mov dword [DIRECTORY], 0x000000e7
        mov dword [PDPT], PAE_LOW + 1
        mov dword [PDPT + 8], PAE_DIRECTORY + 1
        mov dword [PAE_LOW], 0x000000e7
        mov dword [PAE_LOW + 8], 0x002000e7

        mov ecx, ebp                    ; ECX: table entry's flags, EDX: directory entry's
        and ecx, 7
        mov edx, ebp
        shr edx, 3
        and edx, 7
        xor esi, esi                    ; ESI: upper half with NX
        test ebp, 1 << 12
        jz .no_nx
        mov esi, 0x80000000
.no_nx:
        mov ebx, ebp
        shr ebx, 10
        and ebx, 3
        jmp [page_modes + ebx * 4]

page_modes:
        dd page_small, page_large, page_pae, page_pae_large

page_small:
        or edx, TABLE
        mov [DIRECTORY + (LINEAR >> 22) * 4], edx
        or ecx, DATA
        test esi, esi
        jz .no_global
        or ecx, 1 << 8
.no_global:
        mov [TABLE], ecx
        mov dword [TABLE + 4], DATA + 0x1000 + 7
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, 0x90                   ; PSE, PGE
        mov cr4, eax
        jmp page_go

; large_flags: bits 0-2 of the index as A, G and reserved bit; into EDX, PS set.
large_flags:
        or edx, 0x80
        test cl, 1
        jz .accessed
        or edx, 0x20
.accessed:
        test cl, 2
        jz .global
        or edx, 0x100
.global:
        ret

page_large:
        call large_flags
        test cl, 4
        jz .fine
        or edx, 1 << 21
.fine:
        mov [DIRECTORY + (LINEAR >> 22) * 4], edx
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, 0x90
        mov cr4, eax
        jmp page_go_offset

page_pae:
        or edx, PAE_TABLE
        mov [PAE_DIRECTORY], edx
        or ecx, DATA
        mov [PAE_TABLE], ecx
        mov [PAE_TABLE + 4], esi
        mov dword [PAE_TABLE + 8], DATA + 0x1000 + 7
        jmp page_pae_on

page_pae_large:
        call large_flags
        or edx, DATA & 0xffe00000
        test cl, 4
        jz .fine
        or edx, 1 << 13
.fine:
        mov [PAE_DIRECTORY], edx
        mov [PAE_DIRECTORY + 4], esi
        call page_pae_registers
        jmp page_go_offset_pae

page_pae_registers:
        mov eax, PDPT
        mov cr3, eax
        mov eax, 0xb0                   ; PSE, PAE, PGE
        mov cr4, eax
        mov ecx, EFER
        xor edx, edx
        mov eax, 0x800                  ; NXE
        wrmsr
        ret

page_pae_on:
        call page_pae_registers
page_go:
        mov ebx, LINEAR
        jmp page_access
page_go_offset:
        mov ebx, LINEAR + DATA
        jmp page_access
page_go_offset_pae:
        mov ebx, LINEAR + (DATA & 0x1fffff)
page_access:
        mov byte [DATA], 0xc3           ; RET, for the cases that execute the page
        mov byte [DATA + 1], 0xcd
        mov byte [DATA + 2], END
        mov eax, cr0
        or eax, 0x80000000
        test ebp, 1 << 6
        jz .no_protect
        or eax, 0x10000
.no_protect:
        mov cr0, eax
        mov ecx, ebp
        shr ecx, 7
        and ecx, 7
        xor eax, eax
        xor edx, edx
        xor esi, esi
        xor edi, edi
        jmp [page_kinds + ecx * 4]

page_kinds:
        dd kind_read0, kind_write0, kind_read3, kind_write3, kind_execute3, kind_execute0, kind_update3, kind_twice

kind_read0:
        mov eax, [ebx + 16]
        int END
kind_write0:
        mov [ebx + 16], ebx
        int END
kind_read3:
        user .at
.at:    mov ecx, DATA3
        mov ds, ecx
        mov eax, [ebx + 16]
        int END
kind_write3:
        user .at
.at:    mov ecx, DATA3
        mov ds, ecx
        mov [ebx + 16], ebx
        int END
kind_execute3:
        user .at
.at:    inc ebx
        jmp ebx
kind_execute0:
        call ebx
        int END
kind_update3:
        user .at
.at:    mov ecx, DATA3
        mov ds, ecx
        lock inc dword [ebx + 16]
        int END
; Reads, then takes rights away without a flush where that is allowed to be seen, then with INVLPG.
kind_twice:
        mov eax, [ebx + 16]
        mov dword [TABLE], DATA + 1
        mov dword [PAE_TABLE], DATA + 1
        invlpg [ebx]
        mov [ebx + 20], ebx
        int END

