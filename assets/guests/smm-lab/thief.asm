; The thief: every processor but the first. It reads, writes and calls what is SMRAM for a processor in SMM, and the display for it. All it may ever see
; is what memory nobody answers for reads as.

ROUND_LOADS     equ 64
ROUND_STORES    equ 8
LOOKS           equ 32                  ; at the clock

; thief: never comes back. EBP is the processor's block.
thief:
        call look_at_clock
        cmp byte [thieves_on], 0
        je .rest
        inc dword [ebp + Processor.rounds]
        call steal_by_loads
        call spoil_by_stores
        test dword [ebp + Processor.rounds], 3
        jnz .no_call
        call steal_by_call
.no_call:
        cmp byte [storm_on], 0
        je thief
        test dword [ebp + Processor.rounds], 31
        jnz thief
        call provoke
        jmp thief
.rest:
        hlt
        jmp thief

; look_at_clock: the longest time between two looks is the longest that this processor stood still, as far as it was looking.
look_at_clock:
        pushad
        mov ecx, LOOKS
        rdtsc
        mov ebx, eax
.next:
        rdtsc
        mov esi, eax
        sub eax, ebx
        mov ebx, esi
        cmp eax, [ebp + Processor.gap]
        jbe .shorter
        mov [ebp + Processor.gap], eax
.shorter:
        dec ecx
        jnz .next
        popad
        ret

steal_by_loads:
        pushad
        mov esi, [ebp + Processor.cursor]
        mov ecx, ROUND_LOADS
.next:
        cmp dword [esi], DARKNESS
        jne .leak
.dark:
        add esi, 4
        cmp esi, TEXT_MEMORY
        jb .inside
        mov esi, SMRAM
.inside:
        dec ecx
        jnz .next
        mov [ebp + Processor.cursor], esi
        ; Now and then straight at the secrets.
        cmp dword [SECRETS], DARKNESS
        je .done
        inc dword [ebp + Processor.leaks]
.done:
        add dword [ebp + Processor.loads], ROUND_LOADS + 1
        adc dword [ebp + Processor.loads + 4], 0
        popad
        ret
.leak:
        inc dword [ebp + Processor.leaks]
        jmp .dark

; spoil_by_stores: if one lands, the handler finds it.
spoil_by_stores:
        pushad
        mov edi, [ebp + Processor.rounds]
        and edi, SECRET_COUNT / ROUND_STORES - 1
        shl edi, 5
        add edi, SECRETS
        mov ecx, ROUND_STORES
.next:
        mov [edi], ecx
        add edi, 4
        dec ecx
        jnz .next
        add dword [ebp + Processor.stores], ROUND_STORES
        adc dword [ebp + Processor.stores + 4], 0
        popad
        ret

; steal_by_call: darkness is no opcode; whoever comes back has executed SMRAM.
steal_by_call:
        pushad
        mov [ebp + Processor.recover_esp], esp
        mov dword [ebp + Processor.recover], .dark
        mov ebx, BAIT
        call ebx
        mov dword [ebp + Processor.recover], 0
        inc dword [ebp + Processor.leaks]
.dark:
        mov esp, [ebp + Processor.recover_esp]
        add dword [ebp + Processor.calls], 1
        adc dword [ebp + Processor.calls + 4], 0
        popad
        ret

; provoke: an SMI to the next processor.
provoke:
        pushad
        mov eax, ebp
        sub eax, CPUS
        shr eax, CPU_SHIFT
        inc eax
        cmp eax, [processors]
        jb .there
        xor eax, eax
.there:
        call send_to_one
        popad
        ret

; send_to_one: an SMI to the processor of number EAX.
send_to_one:
        pushad
        mov ebx, eax
        shl ebx, CPU_SHIFT
        lock inc dword [CPUS + ebx + Processor.sent]
        shl eax, 24
        mov edx, IPI_SMI
        call send_ipi
        popad
        ret

; send_ipi: command EDX to the destination in the high byte of EAX.
send_ipi:
        pushfd
        cli                             ; the two registers belong together
.busy:
        test dword [APIC_COMMAND], IPI_PENDING
        jnz .busy
        mov [APIC_TARGET], eax
        mov [APIC_COMMAND], edx
        popfd
        ret
