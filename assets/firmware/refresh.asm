; Waits ECX refreshes of 15.085 us. Changes ECX.
wait_refreshes:
        push    ax
        in      al, PORT_SYSTEM_B
        mov     ah, al
.next:  in      al, PORT_SYSTEM_B
        xor     al, ah
        test    al, 0x10
        jz      .next
        xor     ah, 0x10
        dec     ecx
        jnz     .next
        pop     ax
        ret

; About a tenth of a second of 900 Hz.
beep:   mov     al, 0xb6
        out     PORT_PIT_MODE, al
        mov     ax, 1193182 / 900
        out     PORT_PIT0 + 2, al
        mov     al, ah
        out     PORT_PIT0 + 2, al
        in      al, PORT_SYSTEM_B
        push    ax
        or      al, 3
        out     PORT_SYSTEM_B, al
        mov     ecx, 100000 / 15
        call    wait_refreshes
        pop     ax
        and     al, 0xfc
        out     PORT_SYSTEM_B, al
        ret
