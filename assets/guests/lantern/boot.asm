; From the loader's state to the shell.

LOADER_MAGIC    equ 0x2badb002
INFO_UPPER      equ 8                   ; Multiboot information: memory above 1 MiB in KiB
INFO_MAP_LENGTH equ 44
INFO_MAP        equ 48
INFO_HAS_MEMORY equ 1 << 0
INFO_HAS_MAP    equ 1 << 6

; log COLOUR, text...: a stamped line.
%macro log 2+
        call stamp
        say %1, %2, LINE_FEED
%endmacro

entry:
        cli
        cld
        mov esp, STACK_TOP
        mov ebp, eax
        mov esi, ebx
        call tables_start
        call console_start
        cmp ebp, LOADER_MAGIC
        jne .stranger
        mov eax, 16 << 20               ; what to believe when the loader does not say
        test dword [esi], INFO_HAS_MEMORY
        jz .size
        mov eax, [esi + INFO_UPPER]
        lea ebx, [eax + 1024 + 512]     ; to the nearest MiB: a little may be reserved at the top
        shr ebx, 10
        mov [memory_found], ebx
        add eax, 1024
        cmp eax, 3 << 20                ; KiB; beyond 3 GiB lies the window
        jb .whole
        mov eax, 3 << 20
.whole:
        shl eax, 10
        and eax, 0xffc00000             ; whole 4 MiB pages only
        cmp eax, LARGE_SIZE
        jae .size
        mov eax, LARGE_SIZE
.size:
        mov [memory_end], eax
        call clock_start
        sti

        say WHITE, 'lantern 0.'
        mov eax, VERSION
        call put_decimal
        say GREY, '  protected mode, 2-level paging, 1 processor, '
        mov eax, [memory_found]
        call put_decimal
        say GREY, ' MiB', LINE_FEED, LINE_FEED
        call log_memory
        call paging_start
        call stamp
        say GREY, 'paging on, cr3 '
        mov eax, cr3
        call put_hex
        say GREY, ', 4 MiB pages yes, global pages yes', LINE_FEED
        call stamp
        say GREY, 'timer '
        mov eax, TICKS_PER_SECOND
        call put_decimal
        say GREY, ' Hz on vector 32, keyboard on 33, serial line on 36', LINE_FEED
        log YELLOW, 'no disk, nothing to mount'
        call stamp
        say GREY, 'shell started, type '
        say GREEN, 'help', LINE_FEED
        call new_line
        jmp shell
.stranger:
        say RED, 'not started by a Multiboot loader', LINE_FEED
        cli
        hlt
        jmp .stranger

; log_memory: the loader's memory map. ESI is its information structure, in identity-mapped memory.
log_memory:
        pushad
        test dword [esi], INFO_HAS_MAP
        jz .done
        mov ebx, [esi + INFO_MAP]
        mov edi, [esi + INFO_MAP_LENGTH]
        add edi, ebx
.next:
        cmp ebx, edi
        jae .done
        call stamp
        say GREY, 'memory '
        mov eax, [ebx + 8]
        call put_hex
        mov eax, [ebx + 4]
        call put_hex
        mov al, '-'
        call put
        mov eax, [ebx + 4]              ; base + length - 1
        mov edx, [ebx + 8]
        add eax, [ebx + 12]
        adc edx, [ebx + 16]
        sub eax, 1
        sbb edx, 0
        xchg eax, edx
        call put_hex
        xchg eax, edx
        call put_hex
        call space
        cmp dword [ebx + 20], 1
        jne .reserved
        say GREEN, 'usable', LINE_FEED
        jmp .step
.reserved:
        say GREY, 'reserved', LINE_FEED
.step:
        add ebx, [ebx]
        add ebx, 4                      ; the size does not count itself
        jmp .next
.done:
        popad
        ret
