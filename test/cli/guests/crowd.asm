; Several processors do one job together for each byte that comes on COM1, and the first of them says "JOB TOTAL" in hexadecimal: the same whatever
; order they worked in. Inside nothing is the same twice: they note down when and in which order they came. RACES 1: each also says its letter when it
; is done, in whatever order that happens to be, "dbca JOB TOTAL". Between jobs they are halted; IPIs wake them, and timers that each has.
; STAMPED 1: the line ends with the time-stamp counter besides. The includer says PROCESSORS, RACES and STAMPED.

%include "bring-up.asm"

TICK            equ 0x50
NUDGE           equ 0x51
APIC_DESTINATION equ APIC + 0x310
APIC_TIMER      equ APIC + 0x320
APIC_INITIAL    equ APIC + 0x380
APIC_DIVIDE     equ APIC + 0x3e0
PERIODIC        equ 1 << 17
ROUNDS_OF_WORK  equ 1000

ready           equ shared + 0x000
job             equ shared + 0x040      ; counts jobs
total           equ shared + 0x080
ended           equ shared + 0x0c0      ; processors that are done with this one
line            equ shared + 0x100      ; who has the serial line
arrivals        equ shared + 0x140      ; counts all parts of all jobs
ticks           equ shared + 0x180
STAMPS          equ 0x500000            ; by processor 4 KiB: time stamp and arrival of the last jobs
STAMPS_COUNT    equ 512

main:
        test ebx, ebx
        jnz .wait
        mov ecx, TICK
        mov eax, tick
        call set_gate
        mov ecx, NUDGE
        mov eax, nudge
        call set_gate
        mov dword [ready], 1
.wait:
        pause
        cmp dword [ready], 1
        jne .wait
        mov dword [APIC_DIVIDE], 0xb    ; by 1
        mov dword [APIC_TIMER], PERIODIC | TICK
        imul eax, ebx, 700000
        add eax, 1000000                ; nanoseconds
        mov [APIC_INITIAL], eax
        xor ebp, ebp                    ; the last job done
        test ebx, ebx
        jz first
.next:
        cli
        cmp ebp, [job]
        jne .work
        sti
        hlt
        jmp .next
.work:
        sti
        inc ebp
        call work
        jmp .next

first:
        cli
        mov dx, COM1 + 5
        in al, dx
        test al, 1
        jnz .asked
        sti
        hlt
        jmp first
.asked:
        sti
        mov dx, COM1
        in al, dx
        mov dword [total], 0
        mov dword [ended], 0
        inc ebp
        mov [job], ebp
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | 0x4000 | NUDGE
        call work
.others:
        cli
        cmp dword [ended], PROCESSORS
        je .all
        sti
        hlt
        jmp .others
.all:
        sti
%if RACES
        mov al, ' '
        call send
%endif
        mov edx, ebp
        call hex
        mov al, ' '
        call send
        mov edx, [total]
        call hex
%if STAMPED
        mov al, ' '
        call send
        rdtsc
        push eax
        call hex
        pop edx
        call hex
%endif
        mov al, 10
        call send
        jmp first

; work: this processor's part of job EBP.
work:
        mov eax, ebp
        imul eax, eax, 40503
        add eax, ebx
        mov ecx, ROUNDS_OF_WORK
.round:
        imul eax, eax, 1103515245
        add eax, 12345
        loop .round
        lock add [total], eax
        ; What differs inside.
        mov edi, ebp
        and edi, STAMPS_COUNT - 1
        shl edi, 3
        mov eax, ebx
        shl eax, 12
        add edi, eax
        rdtsc
        mov [STAMPS + edi], eax
        mov ecx, eax
        mov edx, 1
        lock xadd [arrivals], edx
        mov [STAMPS + edi + 4], edx
%if RACES
        and ecx, 0x3fff
        inc ecx
.dawdle:
        loop .dawdle
.lock:
        pause
        lock bts dword [line], 0
        jc .lock
        mov al, 'a'
        add al, bl
        call send
        mov dword [line], 0
%endif
        lock inc dword [ended]
        mov dword [APIC_DESTINATION], 0
        mov dword [APIC_COMMAND], 0x4000 | NUDGE
        ret

tick:
        lock inc dword [ticks]
nudge:
        mov dword [APIC_EOI], 0
        iret

finish: ret

%include "serial-hex.asm"

kernel_end:
bss_end         equ kernel_end
