; INT 14h: the serial ports. INT 17h: there is no printer.

SERIAL_ENABLE   equ 1
SERIAL_LINE     equ 3
SERIAL_MODEM    equ 4
SERIAL_STATUS   equ 5
SERIAL_TIMED_OUT equ 0x80

; Finds COM1 and COM2 by their interrupt enable register.
ports_set_up:
        mov     di, BDA_SERIAL_PORTS
        mov     si, serial_candidates
.next:  mov     dx, [cs:si]
        test    dx, dx
        jz      .end
        add     si, 2
        inc     dx
        mov     al, 0x02
        out     dx, al
        in      al, dx
        cmp     al, 0x02
        mov     al, 0
        out     dx, al
        jne     .next
        dec     dx
        mov     [di], dx
        add     di, 2
        add     word [BDA_EQUIPMENT], 1 << 9
        jmp     .next
.end:   ret

serial_candidates:      dw 0x3f8, 0x2f8, 0
serial_divisors:        dw 1047, 768, 384, 192, 96, 48, 24, 12      ; 110 to 9600 baud

int14_serial:
        ENTER_SERVICE
        sti
        cmp     dx, 3
        ja      leave_service
        mov     si, dx
        add     si, si
        mov     dx, [si + BDA_SERIAL_PORTS]
        test    dx, dx
        jz      leave_service
        cmp     ah, 1
        jb      .initialize
        je      .send
        cmp     ah, 3
        jb      .receive
        ja      leave_service
.status:
        add     dx, SERIAL_STATUS
        in      al, dx
        mov     [bp + F_AH], al
        inc     dx
        in      al, dx
        mov     [bp + F_AL], al
        jmp     leave_service
.initialize:
        mov     ah, al
        add     dx, SERIAL_LINE
        mov     al, 0x80
        out     dx, al
        movzx   bx, ah
        shr     bx, 5
        add     bx, bx
        mov     bx, [cs:bx + serial_divisors]
        sub     dx, SERIAL_LINE
        mov     al, bl
        out     dx, al
        inc     dx
        mov     al, bh
        out     dx, al
        add     dx, SERIAL_LINE - 1
        mov     al, ah
        and     al, 0x1f
        out     dx, al
        sub     dx, SERIAL_LINE - 1
        xor     al, al
        out     dx, al
        dec     dx
        jmp     .status
.send:  mov     bl, 0x20
        call    .wait
        jc      .late
        mov     al, [bp + F_AL]
        out     dx, al
        add     dx, SERIAL_STATUS
        in      al, dx
        mov     [bp + F_AH], al
        jmp     leave_service
.receive:
        mov     bl, 0x01
        call    .wait
        jc      .late
        in      al, dx
        mov     [bp + F_AL], al
        add     dx, SERIAL_STATUS
        in      al, dx
        and     al, 0x1e
        mov     [bp + F_AH], al
        jmp     leave_service
.late:  add     dx, SERIAL_STATUS
        in      al, dx
        or      al, SERIAL_TIMED_OUT
        mov     [bp + F_AH], al
        jmp     leave_service
; Waits up to a second for the bits BL of the line status of the port at DX. Carry: in vain.
.wait:  push    dx
        add     dx, SERIAL_STATUS
        mov     si, [BDA_TICKS]
.again: in      al, dx
        test    al, bl
        jnz     .ready
        mov     ax, [BDA_TICKS]
        sub     ax, si
        cmp     ax, 18
        jbe     .again
        stc
        pop     dx
        ret
.ready: clc
        pop     dx
        ret

int17_printer:
        ENTER_SERVICE
        mov     byte [bp + F_AH], 0x01  ; timed out
        jmp     leave_service
