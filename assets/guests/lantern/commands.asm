; Commands that do something: ticks, cpuid, fault, sieve.

command_ticks:
        mov esi, irq_names
        mov ebx, IRQ_BASE
.next:
        mov eax, ebx
        mov ecx, (' ' << 8) | 4
        call put_decimal_wide
        say GREY, ': '
        mov eax, [interrupt_counts + ebx * 4]
        mov ecx, (' ' << 8) | 10
        mov byte [colour], WHITE
        call put_decimal_wide
        say GREY, '  '
        mov esi, [irq_names + ebx * 4 - IRQ_BASE * 4]
        call put_text
        call new_line
.skip:
        inc ebx
        cmp ebx, IRQ_BASE + 16
        jae .done
        cmp dword [irq_names + ebx * 4 - IRQ_BASE * 4], 0
        je .skip
        jmp .next
.done:
        say GREY, '  up '
        call put_time
        say GREY, ' seconds', LINE_FEED
        ret

FEATURES_IN_ROW equ 15                  ; a second row begins behind this bit

command_cpuid:
        xor eax, eax
        cpuid
        mov [vendor], ebx
        mov [vendor + 4], edx
        mov [vendor + 8], ecx
        say GREY, '  vendor    '
        mov byte [colour], WHITE
        mov esi, vendor
        call put_text
        say GREY, '  highest leaf '
        call put_decimal
        call new_line
        mov eax, 1
        cpuid
        mov ebp, edx
        say GREY, '  signature '
        mov byte [colour], WHITE
        call put_hex
        say GREY, '  family '
        mov ecx, eax
        shr eax, 8
        and eax, 0x0f
        call put_decimal
        say GREY, ', model '
        mov eax, ecx
        shr eax, 4
        and eax, 0x0f
        call put_decimal
        say GREY, ', stepping '
        mov eax, ecx
        and eax, 0x0f
        call put_decimal
        call new_line
        say GREY, '  features '
        mov byte [colour], GREEN
        mov esi, feature_names
        xor ecx, ecx
.feature:
        cmp byte [esi], '-'             ; a bit without a name
        je .skip
        bt ebp, ecx
        jnc .skip
        call space
        call put_text
        cmp ecx, FEATURES_IN_ROW
        jne .skip
        call new_line
        mov al, 11
        call column
.skip:
        lodsb
        test al, al
        jnz .skip
        inc ecx
        cmp ecx, 32
        jb .feature
        call new_line
        ret

; command_fault: provokes exception N. Its report is printed and the shell goes on.
command_fault:
        call parse_decimal
        jc usage
        cmp eax, FAULTS
        jae .none
        mov eax, [fault_makers + eax * 4]
        test eax, eax
        jz .none
        jmp eax
.none:
        say YELLOW, 'cannot provoke that one; try 0 1 3 4 5 6 11 12 13 14', LINE_FEED
        ret

fault_divide:
        xor ecx, ecx
        xor edx, edx
        div ecx
        ret
fault_debug:
        int 1
        ret
fault_breakpoint:
        int3
        ret
fault_overflow:
        mov al, 0x7f
        inc al
        into
        ret
fault_bound:
        mov eax, 11
        bound eax, [bounds]
        ret
fault_undefined:
        ud2
        ret
fault_not_present:
        mov eax, ABSENT
        mov ds, eax
        ret
fault_stack:
        mov eax, ABSENT
        mov ss, eax
        ret
fault_protection:
        mov eax, BEYOND
        mov fs, eax
        ret
fault_page:
        mov eax, 0xdeadbeef
        mov byte [eax], 1
        ret

; command_sieve: the primes up to N, by Eratosthenes, one byte a number.
command_sieve:
        call parse_decimal
        jc usage
        cmp eax, 2
        jb usage
        mov ebx, [memory_end]
        sub ebx, FREE_MEMORY
        jbe .memory
        cmp eax, ebx
        jae .memory
        mov ebp, eax
        call microseconds
        mov [sieve_start], eax
        mov edi, FREE_MEMORY
        lea ecx, [ebp + 1]
        mov al, 1
        rep stosb
        mov ebx, 2
        xor edi, edi                    ; primes found
.candidate:
        cmp byte [FREE_MEMORY + ebx], 0
        je .next
        inc edi
        mov eax, ebx
        mul eax
        test edx, edx
        jnz .next
.strike:
        cmp eax, ebp
        ja .next
        mov byte [FREE_MEMORY + eax], 0
        add eax, ebx
        jnc .strike
.next:
        inc ebx
        cmp ebx, ebp
        jbe .candidate
        call microseconds
        sub eax, [sieve_start]
        mov ebx, eax
        mov byte [colour], WHITE
        mov eax, edi
        call put_decimal
        say GREY, ' primes up to '
        mov eax, ebp
        call put_decimal
        say GREY, ' in '
        mov eax, ebx
        xor edx, edx
        mov ecx, 1000
        div ecx
        call put_decimal
        mov al, '.'
        call put
        mov eax, edx
        mov ecx, ('0' << 8) | 3
        call put_decimal_wide
        say GREY, ' ms', LINE_FEED
        ret
.memory:
        say YELLOW, 'not enough memory for that many numbers', LINE_FEED
        ret
