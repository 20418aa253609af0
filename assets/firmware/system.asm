; INT 15h: memory sizes and map, A20, block move, waiting, power; and what resets and powers off.

SMAP            equ 0x534d4150
APM_UNSUPPORTED equ 0x0c
APM_NO_DEVICE   equ 0x09
APM_INTERFACE_NOT_SUPPORTED equ 0x06

int15_system:
        ENTER_SERVICE
        cmp     ah, 0x4f
        je      leave_service           ; the keyboard intercept: not taken, flags as they came
        cmp     ax, 0xe820
        je      .map
        cmp     ax, 0xe801
        je      .sizes
        cmp     ah, 0x24
        je      .a20
        cmp     ah, 0x53
        je      .apm
        cmp     ah, 0x83
        je      .event
        cmp     ah, 0x86
        je      .wait
        cmp     ah, 0x87
        je      block_move
        cmp     ah, 0x88
        je      .extended
        cmp     ah, 0x90                ; device busy and its end: for systems that switch tasks
        je      answer_ok_ah0
        cmp     ah, 0x91
        je      answer_ok_ah0
        cmp     ah, 0xc0
        je      .configuration
        cmp     ah, 0xc1
        je      .ebda
.none:  mov     ah, 0x86
        jmp     answer_error_ah

.map:   cmp     edx, SMAP
        jne     .none
        cmp     ecx, 20
        jb      .none
        movzx   eax, word [cs:e820_count]
        cmp     ebx, eax
        jae     .none
        imul    si, bx, 20
        add     si, e820_map
        mov     cx, 10
        cs rep movsw                    ; ES:DI are still the caller's
        inc     ebx
        cmp     ebx, eax
        jb      .more
        xor     ebx, ebx
.more:  mov     [bp + F_EBX], ebx
        mov     dword [bp + F_ECX], 20
        mov     dword [bp + F_EAX], SMAP
        jmp     answer_ok

.sizes: call    extended_sizes
        mov     [bp + F_AX], ax
        mov     [bp + F_CX], ax
        mov     [bp + F_BX], dx
        mov     [bp + F_DX], dx
        jmp     answer_ok

.extended:
        mov     eax, [cs:memory_below_4g]
        sub     eax, 1024
        cmp     eax, 0xfc00             ; 63 MiB: old callers take more for less
        jbe     .fits
        mov     ax, 0xfc00
.fits:  mov     [bp + F_AX], ax
        jmp     answer_ok

.a20:   cmp     al, 3
        ja      .none
        je      .a20_ways
        cmp     al, 2
        je      .a20_state
        mov     cl, al
        in      al, PORT_SYSTEM_A
        and     al, 0xfc
        add     cl, cl
        or      al, cl
        out     PORT_SYSTEM_A, al
        jmp     answer_ok_ah0
.a20_state:
        in      al, PORT_SYSTEM_A
        shr     al, 1
        and     al, 1
        mov     [bp + F_AL], al
        jmp     answer_ok_ah0
.a20_ways:
        mov     word [bp + F_BX], 3     ; keyboard controller and port 92h
        jmp     answer_ok_ah0

; Marks the byte at ES:BX in CX:DX microseconds (AL 0), or gives that up (AL 1).
.event: cmp     al, 1
        ja      .none
        je      .no_event
        test    byte [BDA_EVENT_STATE], 1
        jnz     answer_error
        mov     [BDA_EVENT_FLAG], bx
        mov     [BDA_EVENT_FLAG + 2], es
        mov     [BDA_EVENT_LEFT], dx
        mov     [BDA_EVENT_LEFT + 2], cx
        mov     byte [BDA_EVENT_STATE], 1
        call    unmask_irq8
        mov     ah, RTC_PERIODIC
        call    rtc_enable
        jmp     answer_ok_ah0
.no_event:
        call    cancel_event
        jmp     answer_ok_ah0

; CX:DX microseconds.
.wait:  mov     eax, ecx
        shl     eax, 16
        mov     ax, dx
        xor     edx, edx
        mov     ecx, 15
        div     ecx
        lea     ecx, [eax + 1]
        sti
        call    wait_refreshes
        jmp     answer_ok

.configuration:
        mov     word [bp + F_ES], BIOS_SEGMENT
        mov     word [bp + F_BX], configuration_table
        jmp     answer_ok_ah0
.ebda:  mov     ax, [BDA_EBDA_SEGMENT]
        mov     [bp + F_ES], ax
        jmp     answer_ok

; Advanced Power Management 1.2: installation check, real-mode connection, idle, power off.
.apm:   cmp     al, 0x00
        je      .apm_check
        cmp     al, 0x01
        je      answer_ok_ah0
        cmp     al, 0x04
        je      answer_ok_ah0
        cmp     al, 0x05
        je      .apm_idle
        cmp     al, 0x06
        je      answer_ok_ah0
        cmp     al, 0x07
        je      .apm_state
        cmp     al, 0x08
        je      answer_ok_ah0
        cmp     al, 0x0e
        je      .apm_version
        mov     ah, APM_UNSUPPORTED
        jmp     answer_error_ah
.apm_check:
        mov     word [bp + F_BX], 0x504d
        mov     word [bp + F_CX], 0     ; real mode only
.apm_version:
        mov     word [bp + F_AX], 0x0102
        jmp     answer_ok
.apm_idle:
        sti
        hlt
        jmp     answer_ok_ah0
.apm_state:
        cmp     cx, 3
        jne     answer_ok_ah0
        cmp     bx, 1                   ; all devices
        jne     .apm_device
        call    power_off
.apm_device:
        mov     ah, APM_NO_DEVICE
        jmp     answer_error_ah

        align 2, db 0
configuration_table:
        dw      8
        db      0xfc, 0, 1              ; model PC AT, revision 1
        db      0x74                    ; second interrupt controller, clock, INT 15h AH = 4Fh, extended BIOS data area
        db      0x40                    ; INT 16h AH = 9
        db      0, 0, 0

; AX = KiB from 1 to 16 MiB, DX = 64 KiB above 16 MiB.
extended_sizes:
        mov     eax, [cs:memory_below_4g]
        xor     dx, dx
        cmp     eax, 16 * 1024
        jbe     .small
        sub     eax, 16 * 1024
        shr     eax, 6
        mov     dx, ax
        mov     eax, 16 * 1024
.small: sub     ax, 1024
        ret

; INT 15h, AH = 87h: CX words from the third descriptor of ES:SI to the fourth.
block_move:
        mov     ecx, [bp + F_ECX]
        movzx   ecx, cx
        mov     eax, [es:si + 0x12]
        and     eax, 0xffffff
        mov     edx, [es:si + 0x14]
        and     edx, 0xff000000
        or      eax, edx
        mov     ebx, [es:si + 0x1a]
        and     ebx, 0xffffff
        mov     edx, [es:si + 0x1c]
        and     edx, 0xff000000
        or      ebx, edx
        mov     esi, eax
        mov     edi, ebx
        mov     eax, cr0
        test    al, 1                   ; in virtual-8086 mode the monitor has this service, not we
        jnz     .mode
        in      al, PORT_SYSTEM_A
        push    ax
        or      al, 2
        and     al, 0xfe
        out     PORT_SYSTEM_A, al
        cli
        call    enter_flat
        a32 rep movsw
        call    leave_flat
        pop     ax
        and     al, 0xfe
        out     PORT_SYSTEM_A, al
        jmp     answer_ok_ah0
.mode:  mov     ah, 3
        jmp     answer_error_ah

; Sleep state S5. Comes back when there is no power management.
power_off:
        cmp     byte [cs:pm_present], 0
        je      .end
        mov     dx, PM1_CONTROL
        mov     ax, (SLEEP_TYPE_S5 << 10) | SLEEP_ENABLE
        out     dx, ax
.end:   ret

; Resets the machine: the reset control register, then the keyboard controller. Does not come back.
reset_machine:
        cli
        mov     dx, PORT_RESET
        mov     al, 2
        out     dx, al
        mov     al, 6
        out     dx, al
        mov     al, 0xfe
        out     PORT_KBD, al
.stop:  hlt
        jmp     .stop
