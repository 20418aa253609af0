; Paging: 32-bit, two levels, 4 KiB pages for the first 4 MiB and 4 MiB pages (PSE) for the rest.

; paging_start: builds the tables for [memory_end] bytes of RAM and switches paging on.
paging_start:
        pushad
        mov edi, PAGE_TABLE
        xor eax, eax
.page:
        call first_pages
        mov edx, eax
        or edx, ebx
        test ebx, ebx
        jnz .store
        xor edx, edx
.store:
        mov [edi], edx
        add edi, 4
        add eax, PAGE_SIZE
        cmp eax, LARGE_SIZE
        jb .page

        mov edi, PAGE_DIRECTORY
        mov ecx, 1024
        xor eax, eax
        rep stosd
        mov dword [PAGE_DIRECTORY], PAGE_TABLE + (PAGE_PRESENT | PAGE_WRITE)
        mov edi, PAGE_DIRECTORY + 4
        mov eax, LARGE_SIZE
.large:
        cmp eax, [memory_end]
        jae .window
        mov edx, eax
        or edx, PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE | PAGE_GLOBAL
        mov [edi], edx
        add edi, 4
        add eax, LARGE_SIZE
        jmp .large
.window:
        mov dword [PAGE_DIRECTORY + (WINDOW >> 22) * 4], PAGE_PRESENT | PAGE_LARGE | PAGE_GLOBAL

        mov eax, PAGE_DIRECTORY
        mov cr3, eax
        mov eax, cr4
        or eax, CR4_PSE
        mov cr4, eax
        mov eax, cr0
        or eax, CR0_PG | CR0_WP
        mov cr0, eax
        mov eax, cr4                    ; global pages only now, as the SDM asks (vol. 3, 4.10.2.4)
        or eax, CR4_PGE
        mov cr4, eax
        popad
        ret

; first_pages: EBX = attributes of the page at EAX below 4 MiB; 0 for the ones left out.
first_pages:
        xor ebx, ebx
        test eax, eax
        jz .done
        cmp eax, STACK_BOTTOM - PAGE_SIZE
        je .done
        mov ebx, PAGE_PRESENT | PAGE_GLOBAL
        cmp eax, lantern_start
        jb .writable
        cmp eax, code_end
        jb .done
.writable:
        or ebx, PAGE_WRITE
.done:
        ret

; walk: looks up the linear address EAX. EDX = the entry that decides, EBX = its address, ECX = size of the page it maps (0: not
; mapped); ESI = address of the directory entry.
walk:
        push eax
        mov ebx, cr3
        and ebx, 0xfffff000
        mov ecx, eax
        shr ecx, 22
        lea ebx, [ebx + ecx * 4]
        mov esi, ebx
        mov edx, [ebx]
        xor ecx, ecx
        test edx, PAGE_PRESENT
        jz .done
        mov ecx, LARGE_SIZE
        test edx, PAGE_LARGE
        jnz .done
        mov ebx, edx
        and ebx, 0xfffff000
        shr eax, 12
        and eax, 0x3ff
        lea ebx, [ebx + eax * 4]
        mov edx, [ebx]
        xor ecx, ecx
        test edx, PAGE_PRESENT
        jz .done
        mov ecx, PAGE_SIZE
.done:
        pop eax
        ret

; put_attributes: the flags of page entry EDX: writable, user, accessed, dirty, large, global.
put_attributes:
        pushad
        mov esi, attribute_letters
.next:
        lodsb                           ; bit number, letter
        cmp al, 0xff
        je .done
        movzx ecx, al
        lodsb
        mov byte [colour], GREEN
        bt edx, ecx
        jc .put
        mov byte [colour], DARK
        mov al, '-'
.put:
        call put
        jmp .next
.done:
        mov byte [colour], GREY
        popad
        ret
