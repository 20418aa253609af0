; Commands that look: regs, mem, pages, maps.

; put_bits: the names at ESI of the bits set in EAX. Each name is a bit number and a zero-terminated text; FFh ends the list.
put_bits:
        pushad
        mov edx, eax
        mov byte [colour], GREEN
.next:
        lodsb
        cmp al, 0xff
        je .done
        movzx ecx, al
        bt edx, ecx
        jnc .skip
        call space
        call put_text
.skip:
        lodsb
        test al, al
        jnz .skip
        jmp .next
.done:
        mov byte [colour], GREY
        popad
        ret

; name VALUE: "  eax 12345678"
%macro name 2
        say DARK, '  ', %1, ' '
        mov byte [colour], GREY
        mov eax, %2
        call put_hex
%endmacro

command_regs:
        pushfd
        pushad
        mov ebp, esp
        name 'eax', [ebp + 28]
        name 'ebx', [ebp + 16]
        name 'ecx', [ebp + 24]
        name 'edx', [ebp + 20]
        call new_line
        name 'esi', [ebp + 4]
        name 'edi', [ebp + 0]
        name 'ebp', [ebp + 8]
        name 'esp', [ebp + 12]
        call new_line
        name 'eip', command_regs
        name 'flags', [ebp + 32]
        mov esi, flag_names
        call put_bits
        call new_line
        name 'cs', cs
        name 'ss', ss
        name 'ds', ds
        name 'es', es
        call new_line
        name 'cr0', cr0
        mov esi, cr0_names
        call put_bits
        call new_line
        name 'cr4', cr4
        mov esi, cr4_names
        call put_bits
        call new_line
        name 'cr2', cr2
        name 'cr3', cr3
        sgdt [table_store]
        name 'gdt', [table_store + 2]
        sidt [table_store]
        name 'idt', [table_store + 2]
        call new_line
        popad
        popfd
        ret

; command_mem: ADDRESS [COUNT], sixteen bytes a line, as numbers and as text.
command_mem:
        call parse_hex
        jc usage
        mov ebp, eax
        mov ebx, 64
        call skip_blanks
        cmp byte [esi], 0
        je .row
        call parse_decimal
        jc usage
        mov ebx, eax
        cmp ebx, 4096
        ja usage
.row:
        test ebx, ebx
        jz .done
        mov eax, ebp
        push ebx
        call walk
        test ecx, ecx
        pop ebx
        jz .unmapped
        mov byte [colour], DARK
        mov eax, ebp
        call put_hex
        call space
        mov byte [colour], GREY
        mov ecx, 16
        cmp ebx, ecx
        jae .count
        mov ecx, ebx
.count:
        mov edi, ebp                    ; a row begins anywhere, but ends with its page
        or edi, PAGE_SIZE - 1
        sub edi, ebp
        inc edi
        jz .page
        cmp ecx, edi
        jbe .page
        mov ecx, edi
.page:
        sub ebx, ecx
        push ecx
        mov esi, ebp
.byte:
        call space
        lodsb
        call put_hex_byte
        loop .byte
        pop ecx
        mov al, 59
        call column
        mov byte [colour], CYAN
        mov esi, ebp
        add ebp, ecx
.letter:
        lodsb
        cmp al, ' '
        jb .dot
        cmp al, 0x7f
        jb .put
.dot:
        mov al, '.'
.put:
        call put
        loop .letter
        call new_line
        jmp .row
.unmapped:
        mov byte [colour], YELLOW
        mov eax, ebp
        call put_hex
        say YELLOW, ' is not mapped', LINE_FEED
.done:
        ret

; put_entry: name at ESI, entry EDX at address EBX.
put_entry:
        push eax
        mov byte [colour], GREY
        call put_text
        mov eax, ebx
        call put_hex
        say GREY, ' = '
        mov byte [colour], WHITE
        mov eax, edx
        call put_hex
        call space
        pop eax
        ret

; command_pages: walks the tables for an address, printing what the processor reads on its way.
command_pages:
        call parse_hex
        jc usage
        mov ebp, eax
        say GREY, '  cr3       '
        mov byte [colour], WHITE
        mov eax, cr3
        call put_hex
        call new_line
        mov eax, ebp
        call walk
        mov edi, ecx
        push ebx
        push edx
        mov ebx, esi                    ; first the directory's entry
        mov edx, [ebx]
        mov esi, text_directory_entry
        call put_entry
        call .verdict
        pop edx
        pop ebx
        test dword [ebx], PAGE_PRESENT
        jz .absent
        cmp edi, LARGE_SIZE
        je .found
.absent:
        mov eax, ebp                    ; a table was read only when the directory led there
        push ebx
        mov eax, cr3
        and eax, 0xfffff000
        mov ecx, ebp
        shr ecx, 22
        lea eax, [eax + ecx * 4]
        cmp eax, ebx
        pop ebx
        je .unmapped
        mov esi, text_table_entry
        call put_entry
        call .verdict
        test edi, edi
        jz .unmapped
.found:
        say GREY, '  physical  '
        mov byte [colour], YELLOW
        mov eax, edi
        dec eax
        and eax, ebp                    ; offset in the page
        mov ecx, edi
        neg ecx
        and ecx, edx
        and ecx, 0xfffff000
        or eax, ecx
        call put_hex
        call new_line
        ret
.unmapped:
        say YELLOW, '  not mapped', LINE_FEED
        ret
.verdict:
        test edx, PAGE_PRESENT
        jz .not_present
        call put_attributes
        call new_line
        ret
.not_present:
        say RED, 'not present', LINE_FEED
        ret

; Attributes that split a run of pages in `maps`; accessed and dirty change by themselves.
RUN_MASK        equ PAGE_PRESENT | PAGE_WRITE | PAGE_USER | PAGE_LARGE | PAGE_GLOBAL

; command_maps: runs of pages with the same attributes and consecutive frames.
command_maps:
        xor ebp, ebp                    ; linear address
        mov dword [run_size], 0
.next:
        mov eax, ebp
        call walk
        test ecx, ecx
        jz .absent
        cmp dword [run_size], 0
        je .begin
        mov eax, edx
        xor eax, [run_entry]
        test eax, RUN_MASK
        jnz .split
        mov eax, edx                    ; frame minus address is the same all along a run
        and eax, 0xfffff000
        sub eax, ebp
        cmp eax, [run_delta]
        je .grow
.split:
        call put_run
.begin:
        mov [run_start], ebp
        mov [run_entry], edx
        mov eax, edx
        and eax, 0xfffff000
        sub eax, ebp
        mov [run_delta], eax
.grow:
        add [run_size], ecx
        add ebp, ecx
        jc .done
        jmp .next
.absent:
        call put_run
        add ebp, PAGE_SIZE              ; a directory entry that is absent takes a whole step
        test dword [esi], PAGE_PRESENT
        jnz .small
        add ebp, LARGE_SIZE - PAGE_SIZE
.small:
        test ebp, ebp
        jnz .next
.done:
        ; fall through
; put_run: prints the run and forgets it.
put_run:
        cmp dword [run_size], 0
        je .none
        push eax
        push edx
        say GREY, '  '
        mov eax, [run_start]
        call put_hex
        say GREY, '-'
        mov eax, [run_start]
        add eax, [run_size]
        dec eax
        call put_hex
        say DARK, ' -> '
        mov byte [colour], GREY
        mov eax, [run_entry]
        and eax, 0xfffff000
        call put_hex
        call space
        call space
        mov edx, [run_entry]
        call put_attributes
        mov eax, [run_size]
        shr eax, 10
        push ecx
        mov ecx, (' ' << 8) | 9
        call put_decimal_wide
        pop ecx
        say GREY, ' KiB', LINE_FEED
        mov dword [run_size], 0
        pop edx
        pop eax
.none:
        ret
