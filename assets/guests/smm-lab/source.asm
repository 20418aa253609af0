; The first processor: the source of SMIs, the screen, the keys.

REDRAW          equ 250000              ; microseconds
REPORT_EVERY    equ 4                   ; redraws
TRIP_LOOKS      equ 1 << 20             ; then the chipset has dropped it

; source: never comes back.
source:
        sti
        rdtsc
        mov [next_redraw], eax
.again:
        call look_at_clock
        call keys
        cmp byte [storm_on], 0
        je .calm
        call storm
        mov eax, [pace]
        call wait_microseconds
        jmp .due
.calm:
        pause
.due:
        rdtsc
        sub eax, [next_redraw]
        js .again
        mov eax, REDRAW
        mul dword [ticks_per_microsecond]
        add [next_redraw], eax
        rdtsc                           ; a display that lags does not catch up
        sub eax, [next_redraw]
        js .draw
        rdtsc
        mov [next_redraw], eax
.draw:
        call draw
        inc dword [redraws]
        mov eax, [redraws]
        and eax, REPORT_EVERY - 1
        jnz .again
        call report
        jmp .again

; storm: the next source in turn: port B2h, an IPI to itself, to one other, to all others, to all.
storm:
        pushad
        mov eax, [turn]
        inc eax
        cmp eax, 5
        jb .inside
        xor eax, eax
.inside:
        mov [turn], eax
        call [sources + 4 * eax]
        popad
        ret

; by_port: the one source whose way there and back can be timed here.
by_port:
        pushad
        lock inc dword [ebp + Processor.sent]
        mov ecx, [ebp + Processor.taken]
        mov esi, TRIP_LOOKS
        rdtsc
        mov ebx, eax
        mov al, 0x5a
        out APM_CONTROL, al
.wait:                                  ; the SMI may come some instructions later
        cmp ecx, [ebp + Processor.taken]
        jne .back
        dec esi
        jnz .wait
        popad
        ret
.back:
        rdtsc
        sub eax, ebx
        mov [trip], eax
        cmp eax, [shortest_trip]
        jae .longer
        mov [shortest_trip], eax
.longer:
        popad
        ret

to_self:
        xor eax, eax
        jmp send_to_one

to_next:
        pushad
        mov eax, [victim]
        inc eax
        cmp eax, [processors]
        jb .inside
        xor eax, eax
.inside:
        mov [victim], eax
        call send_to_one
        popad
        ret

to_others:
        pushad
        mov ecx, 1
        call count_sent
        xor eax, eax
        mov edx, IPI_ALL_BUT_SELF | IPI_SMI
        call send_ipi
        popad
        ret

to_all:
        pushad
        xor ecx, ecx
        call count_sent
        mov eax, EVERYBODY << 24
        mov edx, IPI_SMI
        call send_ipi
        popad
        ret

; count_sent: one SMI more is on its way to each processor from number ECX on.
count_sent:
        pushad
.next:
        cmp ecx, [processors]
        jae .done
        mov ebx, ecx
        shl ebx, CPU_SHIFT
        lock inc dword [CPUS + ebx + Processor.sent]
        inc ecx
        jmp .next
.done:
        popad
        ret
