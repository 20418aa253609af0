; What a guest can see of local APICs and the I/O APIC, as lines of numbers for the debug console: run here and on QEMU, and compared. Cases keep to
; what the manuals define, and to what QEMU has (no x2APIC).

%include "bring-up.asm"

APIC_ID         equ APIC + 0x20
APIC_TASK       equ APIC + 0x80
APIC_PROCESSOR  equ APIC + 0xa0
APIC_LOGICAL    equ APIC + 0xd0
APIC_FORMAT     equ APIC + 0xe0
APIC_SERVICE    equ APIC + 0x100
APIC_LEVEL      equ APIC + 0x180
APIC_REQUEST    equ APIC + 0x200
APIC_ERRORS     equ APIC + 0x280
APIC_DESTINATION equ APIC + 0x310
APIC_TIMER      equ APIC + 0x320
APIC_LINT0      equ APIC + 0x350
APIC_LINT1      equ APIC + 0x360
APIC_ERROR      equ APIC + 0x370
APIC_INITIAL    equ APIC + 0x380
APIC_CURRENT    equ APIC + 0x390
APIC_DIVIDE     equ APIC + 0x3e0
IOAPIC          equ 0xfec00000
SELF            equ 1 << 18
ASSERT          equ 1 << 14
LEVEL           equ 1 << 15
MASKED          equ 1 << 16
LOGICAL         equ 1 << 11
NMI             equ 4 << 8
INIT            equ 5 << 8
EXTERNAL        equ 7 << 8

log             equ shared + 0x000      ; the vectors that came, oldest in the high byte
count           equ shared + 0x040      ; interrupts on the bootstrap processor
other_count     equ shared + 0x080      ; on the other
nmis            equ shared + 0x0c0
starts          equ shared + 0x100      ; times the other processor came through its second trampoline
ready           equ shared + 0x140
snapshot        equ shared + 0x180
other_id        equ shared + 0x1c0
other_base      equ shared + 0x200
both            equ shared + 0x280      ; on either
keep            equ shared + 0x240      ; the handler leaves its interrupt in service
SECOND          equ 0x9000

main:
        test ebx, ebx
        jnz other
        cld
        mov ecx, 0x30
.gates:
        mov eax, handler
        call set_gate
        inc ecx
        cmp ecx, 0x80
        jb .gates
        mov ecx, 2
        mov eax, nmi
        call set_gate
        mov dword [ready], 1
.wait:
        pause
        cmp dword [ready], 2
        jne .wait

        call registers
        call priorities
        call destinations
        call timer
        call external
        call redirection
        call start_up
        mov dword [ready], 9
        ret

; The number EAX in hexadecimal and a space.
hex:
        pusha
        mov ecx, 8
.next:
        rol eax, 4
        push eax
        and al, 15
        cmp al, 10
        jb .digit
        add al, 'a' - '0' - 10
.digit:
        add al, '0'
        out DEBUG_PORT, al
        pop eax
        loop .next
        mov al, ' '
        out DEBUG_PORT, al
        popa
        ret

%macro show 1
        mov eax, %1
        call hex
%endmacro

%macro line 1
        mov esi, %%text
        call print
        jmp %%end
%%text: db 10, %1, " ", 0
%%end:
%endmacro

; Writes %2 to register %1 and shows what it reads.
%macro try 2
        mov dword [%1], %2
        show [%1]
%endmacro

%macro self 1
        mov dword [APIC_COMMAND], SELF | ASSERT | (%1)
%endmacro

; Lets what is pending come. What is not to come has some time here; what is, see `wait_for`.
settle:
        sti
        mov ecx, 2000
        call pause_a_while
        cli
        ret

; Until the number at %1 is %2, within a bound that is far off; then some time more, for what is too much.
%macro wait_for 2
        mov edi, 2000
%%again:
        call settle
        dec edi
        jz %%end
        cmp dword [%1], %2
        jb %%again
%%end:
        call settle
%endmacro

%macro fresh 0
        mov dword [log], 0
        mov dword [count], 0
        mov dword [other_count], 0
        mov dword [both], 0
%endmacro

registers:
        line "registers"
        show [APIC_ID]
        try APIC_TASK, 0x5a
        try APIC_TASK, 0xffffff00
        try APIC_LOGICAL, 0x12345678
        try APIC_FORMAT, 0x01234567
        try APIC_FORMAT, 0xffffffff
        try APIC_SPURIOUS, 0x1fe
        try APIC_SPURIOUS, 0x1ff
        try APIC_TIMER, MASKED | 0x31
        try APIC_LINT0, MASKED | LEVEL | 0x732
        try APIC_LINT1, MASKED | 0x433
        try APIC_ERROR, MASKED | 0x34
        try APIC_DIVIDE, 0xb
        try APIC_DIVIDE, 0xffffff02
        try APIC_DESTINATION, 0x12000000
        mov ecx, 0x1b
        rdmsr
        call hex
        show edx
        ret

priorities:
        line "task priority holds back"
        fresh
        mov dword [APIC_TASK], 0x50
        self 0x41
        self 0x53
        self 0x61
        show [APIC_REQUEST + 0x20]
        show [APIC_REQUEST + 0x30]
        call settle
        show [log]
        show [APIC_REQUEST + 0x20]
        mov dword [APIC_TASK], 0x40
        call settle
        show [log]
        mov dword [APIC_TASK], 0
        call settle
        show [log]
        line "in service"
        fresh
        mov dword [keep], 1
        self 0x45
        call settle
        show [APIC_SERVICE + 0x20]
        show [APIC_PROCESSOR]
        self 0x47
        self 0x36
        call settle
        show [log]
        self 0x58
        call settle
        show [log]
        show [APIC_SERVICE + 0x20]
        show [APIC_PROCESSOR]
        mov dword [APIC_TASK], 0x57
        show [APIC_PROCESSOR]
        mov dword [APIC_TASK], 0x70
        show [APIC_PROCESSOR]
        mov dword [APIC_TASK], 0
        mov dword [APIC_EOI], 0
        show [APIC_PROCESSOR]
        mov dword [keep], 0
        mov dword [APIC_EOI], 0
        show [APIC_PROCESSOR]
        call settle
        show [log]
        mov dword [APIC_EOI], 0
        show [APIC_SERVICE + 0x20]
        show [APIC_LEVEL + 0x20]
        line "requested twice"
        fresh
        self 0x44
        self 0x44
        call settle
        show [count]
        line "illegal register"
        mov eax, [APIC + 0x40]
        mov dword [APIC_ERRORS], 0
        show [APIC_ERRORS]
        ret

; Sends to %1 (high half) with the bits %2, waits until %3 came in all, and shows how many did here and there.
%macro send 3
        fresh
        mov dword [APIC_DESTINATION], (%1) << 24
        mov dword [APIC_COMMAND], ASSERT | (%2) | 0x48
        wait_for both, %3
        show [count]
        show [other_count]
%endmacro

destinations:
        line "physical"
        send 0, 0, 1
        send 1, 0, 1
        send 0x55, 0, 0
        send 0xff, 0, 2
        line "flat"
        mov dword [APIC_LOGICAL], 1 << 24
        send 1, LOGICAL, 1
        send 2, LOGICAL, 1
        send 3, LOGICAL, 2
        send 0x80, LOGICAL, 0
        line "cluster"
        mov dword [APIC_FORMAT], 0x0fffffff
        mov dword [APIC_LOGICAL], 0x31 << 24
        send 0x31, LOGICAL, 1
        send 0x3d, LOGICAL, 1
        send 0x21, LOGICAL, 0
        send 0x34, LOGICAL, 0
        mov dword [APIC_FORMAT], 0xffffffff
        line "shorthand"
        send 0, SELF, 1
        send 0, IPI_ALL, 2
        send 0, IPI_ALL_BUT_SELF, 1
        show [APIC_COMMAND]
        line "nmi"
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | ASSERT | NMI
        wait_for nmis, 1
        show [nmis]
        line "switched off by software"
        mov dword [APIC_SPURIOUS], 0xff
        send 1, 0, 1
        mov dword [APIC_SPURIOUS], 0x1ff
        send 0, 0, 1
        ret

timer:
        line "timer one-shot"
        fresh
        mov dword [APIC_DIVIDE], 0xb
        mov dword [APIC_TIMER], 0x70
        mov dword [APIC_INITIAL], 300000
        wait_for count, 1
        show [count]
        show [log]
        show [APIC_CURRENT]
        show [APIC_INITIAL]
        call settle
        show [count]
        line "timer masked"
        fresh
        mov dword [APIC_TIMER], MASKED | 0x70
        mov dword [APIC_INITIAL], 1000
        call settle
        mov dword [APIC_TIMER], 0x70
        call settle
        show [count]
        show [APIC_CURRENT]
        line "timer stopped"
        mov dword [APIC_INITIAL], 0x7fffffff
        mov eax, [APIC_CURRENT]
        shr eax, 24
        call hex
        mov dword [APIC_INITIAL], 0
        show [APIC_CURRENT]
        call settle
        show [count]
        line "timer periodic"
        fresh
        mov dword [APIC_TIMER], (1 << 17) | 0x71
        mov dword [APIC_INITIAL], 300000
.ticks:
        sti
        hlt
        cmp dword [count], 4
        jb .ticks
        cli
        mov dword [APIC_INITIAL], 0
        mov dword [APIC_TIMER], MASKED
        mov al, [log]
        movzx eax, al
        call hex
        ret

; Initialises the first 8259 with the vectors 30h and up and the mask AH, and raises the timer's output; comes back when the line is up.
raise_timer:
        mov al, 0x11
        out 0x20, al
        mov al, 0x30
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, ah
        out 0x21, al
        mov al, 0x0a                    ; reads give the requests
        out 0x20, al
        mov al, 0x30                    ; counter 0, mode 0
        out 0x43, al
        mov al, 0x20
        out 0x40, al
        mov al, 0
        out 0x40, al
.wait:
        in al, 0x20
        test al, 1
        jz .wait
        ret

external:
        line "ExtINT"
        fresh
        mov dword [APIC_LINT0], EXTERNAL
        mov ah, 0xfe
        call raise_timer
        wait_for count, 1
        show [count]
        show [log]
        mov al, 0x20
        out 0x20, al
        line "ExtINT masked"
        fresh
        mov dword [APIC_LINT0], MASKED | EXTERNAL
        mov ah, 0xfe
        call raise_timer
        call settle
        show [count]
        mov dword [APIC_LINT0], EXTERNAL
        wait_for count, 1
        show [count]
        mov al, 0x20
        out 0x20, al
        mov dword [APIC_LINT0], MASKED | EXTERNAL
        mov al, 0xff
        out 0x21, al
        ret

%macro ioapic 2
        mov dword [IOAPIC], %1
        mov dword [IOAPIC + 0x10], %2
%endmacro
%macro show_ioapic 1
        mov dword [IOAPIC], %1
        show [IOAPIC + 0x10]
%endmacro

redirection:
        line "I/O APIC"
        show_ioapic 1
        ioapic 0x12, MASKED | 0x5a
        show_ioapic 0x12
        ioapic 0x13, 0xff000000
        show_ioapic 0x13
        ioapic 0x13, 0
        line "edge"
        fresh
        ioapic 0x14, 0x60
        ioapic 0x15, 0
        mov ah, 0xff
        call raise_timer
        wait_for count, 1
        show [count]
        show [log]
        mov ah, 0xff
        call raise_timer
        wait_for count, 2
        show [count]
        line "edge to the other"
        fresh
        ioapic 0x15, 1 << 24
        mov ah, 0xff
        call raise_timer
        wait_for both, 1
        show [count]
        show [other_count]
        line "edge while masked"
        fresh
        ioapic 0x15, 0
        ioapic 0x14, MASKED | 0x60
        mov ah, 0xff
        call raise_timer
        call settle
        ioapic 0x14, 0x60
        call settle
        show [count]
        line "level"
        ; The output of the timer goes high and stays so: each end brings the next, until the handler of 62h masks the entry.
        ioapic 0x14, MASKED | LEVEL | 0x62
        mov ah, 0xff
        call raise_timer
        fresh
        mov dword [keep], 1
        ioapic 0x14, LEVEL | 0x62
        wait_for count, 1
        show [count]
        show_ioapic 0x14
        show [APIC_LEVEL + 0x30]
        mov dword [keep], 0
        mov dword [APIC_EOI], 0
        wait_for count, 3
        show [count]
        show_ioapic 0x14
        ret

start_up:
        mov esi, second
        mov edi, SECOND
        mov ecx, second_end - second
        rep movsb
        line "INIT de-assert"
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | LEVEL | INIT
        call settle
        send 1, 0, 1
        line "start-up without INIT"
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | ASSERT | 0x600 | (SECOND >> 12)
        call settle
        show [starts]
        line "INIT, start-up twice"
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | ASSERT | INIT
        call settle
        show [starts]
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | ASSERT | 0x600 | (SECOND >> 12)
        wait_for starts, 1
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | ASSERT | 0x600 | (SECOND >> 12)
        call settle
        show [starts]
        show [snapshot]
        show [snapshot + 4]
        show [snapshot + 8]
        show [snapshot + 12]
        show [other_id]
        show [other_base]
        mov al, 10
        out DEBUG_PORT, al
        ret

other:
        mov dword [APIC_LOGICAL], 2 << 24
.gates:
        pause
        cmp dword [ready], 1            ; the first one writes its gates until then
        jne .gates
        mov dword [ready], 2
.idle:
        sti
        hlt
        jmp .idle

; Which vector it was the in-service register tells; ExtINT is in none.
handler:
        push eax
        push edx
        mov eax, [APIC_ID]
        shr eax, 24
        jnz .other
        call which
        mov edx, [log]
        shl edx, 8
        or edx, eax
        mov [log], edx
        inc dword [count]
        lock inc dword [both]
        cmp eax, 0x62
        jne .end
        cmp dword [count], 3
        jb .end
        push dword [IOAPIC]
        ioapic 0x14, MASKED | LEVEL | 0x62
        pop dword [IOAPIC]
.end:
        cmp dword [keep], 0
        jne .out
        test eax, eax
        jz .out
        mov dword [APIC_EOI], 0
.out:
        pop edx
        pop eax
        iret
.other:
        inc dword [other_count]
        lock inc dword [both]
        mov dword [APIC_EOI], 0
        jmp .out

; EAX: the highest vector in service, or 0.
which:
        bsr eax, [APIC_SERVICE + 0x30]
        jnz .high
        bsr eax, [APIC_SERVICE + 0x20]
        jnz .middle
        bsr eax, [APIC_SERVICE + 0x10]
        jnz .low
        xor eax, eax
        ret
.high:
        add eax, 0x20
.middle:
        add eax, 0x20
.low:
        add eax, 0x20
        ret

nmi:
        lock inc dword [nmis]
        iret

; Where the other processor is sent the second time: keeps what it finds in real mode, and waits.
second:
        bits 16
        cli
        mov cx, cs
        xor ax, ax
        mov ds, ax
        o32 lgdt [SECOND + .pointer - second]
        mov eax, cr0
        mov ebx, eax
        or al, 1
        mov cr0, eax
        jmp dword CODE:second_flat
.pointer:
        dw gdt_end - gdt - 1
        dd gdt
second_end:
        bits 32

second_flat:
        mov ax, FLAT
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, STACKS + 0x2000
        and ebx, 0x1f                   ; the cache bits are not the same on all
        mov [snapshot], ebx
        movzx ecx, cx
        mov [snapshot + 4], ecx
        mov eax, [APIC_SPURIOUS]
        mov [snapshot + 8], eax
        mov eax, [APIC_LOGICAL]
        mov [snapshot + 12], eax
        mov eax, [APIC_ID]
        mov [other_id], eax
        mov ecx, 0x1b
        rdmsr
        mov [other_base], eax
        lock inc dword [starts]
        lock inc dword [done]           ; in the place of its first life
.park:
        hlt
        jmp .park

finish:
        ret

kernel_end:
bss_end         equ kernel_end
