; What a processor sees at 1 MiB and beyond while line A20 is closed and open, by every way to move it. Says 1 where FFFF:0510 and
; 0000:0500 are the same byte.
%include "start.asm"

PLACE   equ 0x500

program:
        call    look
        LINE    "port 92 "
        in      al, 0x92
        and     al, 0xfc
        out     0x92, al
        call    look
        in      al, 0x92
        or      al, 2
        and     al, 0xfe
        out     0x92, al
        call    look
        LINE    "controller "
        cli
        mov     al, 0xdd
        call    command
        call    look
        mov     al, 0xdf
        call    command
        call    look
        mov     al, 0xd1
        call    command
        mov     al, 0xdd
        out     0x60, al
        call    wait_controller
        call    look
        mov     al, 0xd1
        call    command
        mov     al, 0xdf
        out     0x60, al
        call    wait_controller
        call    look
        sti
        LINE    "firmware "
        mov     ax, 0x2400
        int     0x15
        call    look
        mov     ax, 0x2402
        int     0x15
        add     al, '0'
        out     0xe9, al
        mov     ax, 0x2401
        int     0x15
        call    look
        mov     ax, 0x2402
        int     0x15
        add     al, '0'
        out     0xe9, al
        LINE    " code "
        ; A routine at 0:0600 is called at FFFF:0610, there first with the gate closed, then open.
        mov     word [0x600], 0x31b0    ; mov al, '1'
        mov     byte [0x602], 0xcb      ; retf
        push    word 0xffff
        pop     es
        mov     word [es:0x610], 0x32b0 ; mov al, '2'
        mov     byte [es:0x612], 0xcb
        call    call_high
        mov     ax, 0x2400
        int     0x15
        call    call_high
        mov     byte [es:0x611], '3'    ; changes the routine below
        call    0:0x600
        out     0xe9, al
        mov     ax, 0x2401
        int     0x15
        call    call_high
        call    0:0x600
        out     0xe9, al
        LINE    " odd megabyte "
        ; In protected mode also above: 3 MiB is 2 MiB.
        cli
        lgdt    [table_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        mov     bx, 8
        mov     fs, bx
        and     al, 0xfe
        mov     cr0, eax
        mov     dword [dword fs:0x200000], "two "
        mov     dword [dword fs:0x300000], "thre"
        in      al, 0x92
        and     al, 0xfc
        out     0x92, al
        mov     eax, [dword fs:0x300000]
        call    tell_letters
        mov     dword [dword fs:0x300004], "down"
        in      al, 0x92
        or      al, 2
        and     al, 0xfe
        out     0x92, al
        mov     eax, [dword fs:0x300000]
        call    tell_letters
        mov     eax, [dword fs:0x200004]
        call    tell_letters
        LINE    10, "end", 10
        cli
        hlt

call_high:
        call    0xffff:0x610
        out     0xe9, al
        ret

tell_letters:
        mov     cx, 4
.next:  out     0xe9, al
        shr     eax, 8
        loop    .next
        ret

look:   push    es
        push    word 0xffff
        pop     es
        mov     byte [PLACE], 0x12
        mov     byte [es:PLACE + 16], 0x34
        mov     al, '0'
        cmp     byte [PLACE], 0x34
        jne     .open
        inc     ax
.open:  out     0xe9, al
        pop     es
        ret

command:
        call    wait_controller
        out     0x64, al
wait_controller:
        push    ax
.busy:  in      al, 0x64
        test    al, 2
        jnz     .busy
        pop     ax
        ret

        align 8
table:  dq 0, 0x00cf92000000ffff
table_pointer:
        dw 15
        dd table
program_end:
        times 2048 - ($ - $$) db 0
