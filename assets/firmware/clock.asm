; The timer tick, INT 1Ah, and the real-time clock behind it. PCI's functions of INT 1Ah are in pci-services.asm.

TICKS_PER_DAY   equ 0x1800b0
PIT_HERTZ       equ 1193182
RTC_PERIODIC    equ 0x40                ; in registers B and C
RTC_ALARM       equ 0x20

irq0_timer:
        push    ds
        push    eax
        push    dx
        xor     ax, ax
        mov     ds, ax
        mov     eax, [BDA_TICKS]
        inc     eax
        cmp     eax, TICKS_PER_DAY
        jb      .today
        xor     eax, eax
        mov     byte [BDA_MIDNIGHT], 1
.today: mov     [BDA_TICKS], eax
        cmp     byte [BDA_FLOPPY_TIMEOUT], 0
        je      .motors
        dec     byte [BDA_FLOPPY_TIMEOUT]
        jnz     .motors
        and     byte [BDA_FLOPPY_MOTOR], 0xf0
        mov     dx, 0x3f2
        mov     al, 0x0c
        out     dx, al
.motors:
        int     0x1c
        mov     al, END_OF_INTERRUPT
        out     PORT_PIC1, al
        pop     dx
        pop     eax
        pop     ds
        iret

; Of the periodic interrupt (976 microseconds) and the alarm those that were asked for.
irq8_rtc:
        push    ds
        push    es
        pushad
        xor     ax, ax
        mov     ds, ax
        mov     al, 0x0b
        call    cmos_read
        mov     ah, al
        mov     al, 0x0c                ; register C, which is cleared by the read
        call    cmos_read
        and     al, ah
        test    al, RTC_PERIODIC
        jz      .alarm
        sub     dword [BDA_EVENT_LEFT], 976
        ja      .alarm
        push    ax
        call    cancel_event
        les     bx, [BDA_EVENT_FLAG]
        or      byte [es:bx], 0x80
        pop     ax
.alarm: test    al, RTC_ALARM
        jz      .end
        sti
        int     0x4a
        cli
.end:   mov     al, END_OF_INTERRUPT
        out     PORT_PIC2, al
        out     PORT_PIC1, al
        popad
        pop     es
        pop     ds
        iret

; Register B of the real-time clock: sets the bits of AH, or clears those that are clear in it. Change AX.
rtc_enable:
        mov     al, 0x0b
        call    cmos_read
        or      ah, al
        jmp     rtc_store
rtc_disable:
        mov     al, 0x0b
        call    cmos_read
        and     ah, al
rtc_store:
        mov     al, 0x0b
        jmp     cmos_write

; Changes AX.
cancel_event:
        mov     byte [BDA_EVENT_STATE], 0
        mov     ah, ~RTC_PERIODIC & 0xff
        jmp     rtc_disable

; Changes AL.
unmask_irq8:
        in      al, PORT_PIC2_DATA
        and     al, 0xfe
        out     PORT_PIC2_DATA, al
        ret

irq12_mouse:
        push    ax
        in      al, PORT_KBD_DATA
        mov     al, END_OF_INTERRUPT
        out     PORT_PIC2, al
        out     PORT_PIC1, al
        pop     ax
        iret

irq13_coprocessor:
        push    ax
        xor     al, al
        out     0xf0, al
        mov     al, END_OF_INTERRUPT
        out     PORT_PIC2, al
        out     PORT_PIC1, al
        pop     ax
        int     2
        iret

irq14_disk:
        push    ax
        push    ds
        push    word 0
        pop     ds
        mov     byte [0x48e], 0xff
        mov     al, END_OF_INTERRUPT
        out     PORT_PIC2, al
        out     PORT_PIC1, al
        pop     ds
        pop     ax
        iret

; 24 hours, BCD; the tick count of the time of day.
set_up_rtc:
        mov     al, 0x0a
        mov     ah, 0x26
        call    cmos_write
        mov     al, 0x0b
        mov     ah, 0x02
        call    cmos_write
        mov     al, 0x0c
        call    cmos_read
        call    rtc_wait
        mov     al, 4
        call    cmos_read
        call    from_bcd
        movzx   ebx, al
        imul    ebx, 60
        mov     al, 2
        call    cmos_read
        call    from_bcd
        movzx   eax, al
        add     ebx, eax
        imul    ebx, 60
        mov     al, 0
        call    cmos_read
        call    from_bcd
        movzx   eax, al
        add     eax, ebx
        mov     ecx, PIT_HERTZ
        mul     ecx
        shrd    eax, edx, 16
        mov     [BDA_TICKS], eax
        ret

; CMOS register AL = AH. Changes AL.
cmos_write:
        or      al, 0x80
        out     PORT_CMOS, al
        mov     al, ah
        out     PORT_CMOS + 1, al
        ret

from_bcd:
        push    bx
        mov     bl, al
        and     bl, 15
        shr     al, 4
        mov     ah, 10
        mul     ah
        add     al, bl
        pop     bx
        ret

; Until no update is in progress, so that time and date can be read whole; at most about 4 ms.
rtc_wait:
        pushad
        mov     bx, 256
.again: mov     al, 0x0a
        call    cmos_read
        test    al, 0x80
        jz      .end
        mov     ecx, 1
        call    wait_refreshes
        dec     bx
        jnz     .again
.end:   popad
        ret

int1a_clock:
        ENTER_SERVICE
        cmp     ah, 0xb1
        je      pci_services
        mov     al, ah
        DISPATCH int1a_table, 7
        jmp     answer_error
int1a_table:
        dw      .get_ticks, .set_ticks, .get_time, .set_time, .get_date, .set_date, .set_alarm, .clear_alarm
.get_ticks:
        mov     eax, [BDA_TICKS]
        mov     [bp + F_DX], ax
        shr     eax, 16
        mov     [bp + F_CX], ax
        xor     al, al
        xchg    al, [BDA_MIDNIGHT]
        mov     [bp + F_AL], al
        jmp     answer_ok_ah0
.set_ticks:
        shl     ecx, 16
        mov     cx, dx
        mov     [BDA_TICKS], ecx
        mov     byte [BDA_MIDNIGHT], 0
        jmp     answer_ok_ah0
.get_time:
        call    rtc_wait
        mov     al, 4
        call    cmos_read
        mov     [bp + F_CH], al
        mov     al, 2
        call    cmos_read
        mov     [bp + F_CL], al
        mov     al, 0
        call    cmos_read
        mov     [bp + F_DH], al
        mov     al, 0x0b
        call    cmos_read
        and     al, 1                   ; summer time
        mov     [bp + F_DL], al
        jmp     answer_ok_ah0
.set_time:
        mov     al, 4
        mov     ah, ch
        call    cmos_write
        mov     al, 2
        mov     ah, cl
        call    cmos_write
        mov     al, 0
        mov     ah, dh
        call    cmos_write
        jmp     answer_ok_ah0
.get_date:
        call    rtc_wait
        mov     al, 0x32
        call    cmos_read
        mov     [bp + F_CH], al
        mov     al, 9
        call    cmos_read
        mov     [bp + F_CL], al
        mov     al, 8
        call    cmos_read
        mov     [bp + F_DH], al
        mov     al, 7
        call    cmos_read
        mov     [bp + F_DL], al
        jmp     answer_ok_ah0
.set_date:
        mov     al, 0x32
        mov     ah, ch
        call    cmos_write
        mov     al, 9
        mov     ah, cl
        call    cmos_write
        mov     al, 8
        mov     ah, dh
        call    cmos_write
        mov     al, 7
        mov     ah, dl
        call    cmos_write
        jmp     answer_ok_ah0
; CH:CL:DH, once: INT 4Ah is called then.
.set_alarm:
        mov     al, 0x0b
        call    cmos_read
        test    al, RTC_ALARM
        jnz     answer_error
        mov     al, 5
        mov     ah, ch
        call    cmos_write
        mov     al, 3
        mov     ah, cl
        call    cmos_write
        mov     al, 1
        mov     ah, dh
        call    cmos_write
        call    unmask_irq8
        mov     ah, RTC_ALARM
        call    rtc_enable
        jmp     answer_ok_ah0
.clear_alarm:
        mov     ah, ~RTC_ALARM & 0xff
        call    rtc_disable
        jmp     answer_ok_ah0
