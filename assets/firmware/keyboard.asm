; INT 9h and INT 16h: keys from the i8042 to the buffer in the BIOS data area, and from there to who asks.

STATUS_FULL     equ 1                   ; i8042 status: output buffer full
STATUS_BUSY     equ 2                   ; input buffer full
STATUS_MOUSE    equ 0x20

SHIFT_RIGHT     equ 0x01
SHIFT_LEFT      equ 0x02
SHIFT_CTRL      equ 0x04
SHIFT_ALT       equ 0x08
SHIFT_SCROLL    equ 0x10
SHIFT_NUM       equ 0x20
SHIFT_CAPS      equ 0x40
SHIFT_INSERT    equ 0x80
KEY_E1          equ 0x01
KEY_E0          equ 0x02
KEY_RIGHT_CTRL  equ 0x04
KEY_RIGHT_ALT   equ 0x08

; Resets controller and keyboard, switches translation to set 1, interrupts and scanning on. A machine without a keyboard boots too.
keyboard_set_up:
        cli
        mov     al, 0xad                ; both devices off while we talk
        call    keyboard_command
        mov     al, 0xa7
        call    keyboard_command
        call    keyboard_drain
        mov     al, 0xaa
        call    keyboard_command
        call    keyboard_answer         ; 55h
        mov     al, 0xae
        call    keyboard_command
        mov     al, 0x60
        call    keyboard_command
        mov     al, 0x60                ; translated, no interrupts, mouse clock off
        call    keyboard_send
        mov     al, 0xff
        call    keyboard_send
        call    keyboard_answer         ; FAh
        call    keyboard_answer         ; AAh
        mov     al, 0xf4
        call    keyboard_send
        call    keyboard_answer
        mov     al, 0x60
        call    keyboard_command
        mov     al, 0x65                ; translated, system flag, keyboard interrupt, mouse clock off
        call    keyboard_send
        sti
        ret

; Sends AL as a command or to the keyboard, when the controller takes it. Changes AX, CX.
keyboard_command:
        call    keyboard_wait
        out     PORT_KBD, al
        ret
keyboard_send:
        call    keyboard_wait
        out     PORT_KBD_DATA, al
        ret
keyboard_wait:
        mov     ah, al
        xor     cx, cx
.again: in      al, PORT_KBD
        test    al, STATUS_BUSY
        loopnz  .again
        mov     al, ah
        ret

; AL = the next byte; carry when none came within about 50 ms. Changes CX.
keyboard_answer:
        mov     ecx, 50000 / 15
.again: in      al, PORT_KBD
        test    al, STATUS_FULL
        jnz     .got
        push    cx
        mov     cx, 1
        call    wait_refreshes
        pop     cx
        loop    .again
        stc
        ret
.got:   in      al, PORT_KBD_DATA
        clc
        ret
keyboard_drain:
        mov     cx, 64
.again: in      al, PORT_KBD
        test    al, STATUS_FULL
        jz      .end
        in      al, PORT_KBD_DATA
        loop    .again
.end:   ret

irq1_keyboard:
        ENTER_SERVICE
        in      al, PORT_KBD
        test    al, STATUS_FULL
        jz      .end
        in      al, PORT_KBD_DATA
        mov     ah, 0x4f                ; INT 15h, AH = 4Fh: whoever wants may change the scancode or take it
        stc
        int     0x15
        jnc     .end
        call    key_event
.end:   mov     al, END_OF_INTERRUPT
        out     PORT_PIC1, al
        LEAVE_SERVICE

; One scancode of set 1, in AL. Changes all but BP.
key_event:
        cmp     al, 0xe0
        jne     .not_e0
        or      byte [BDA_KEY_MODE], KEY_E0
        ret
.not_e0:
        cmp     al, 0xe1
        jne     .code
        or      byte [BDA_KEY_MODE], KEY_E1
        ret
.code:  mov     ah, [BDA_KEY_MODE]
        test    ah, KEY_E1
        jz      .plain
        ; Pause: E1 1D 45 E1 9D C5. Nobody waits for it here.
        mov     bl, al
        and     bl, 0x7f
        cmp     bl, 0x45
        jne     .end
        and     byte [BDA_KEY_MODE], ~KEY_E1 & 0xff
.end:   ret
.plain: and     byte [BDA_KEY_MODE], ~KEY_E0 & 0xff
        mov     bl, al
        and     bl, 0x7f
        test    ah, KEY_E0
        jz      .left
        ; The shifts that some keyboards send around grey keys.
        cmp     bl, 0x2a
        je      .end
        cmp     bl, 0x36
        je      .end
.left:  mov     si, shift_keys
.shift: cmp     byte [cs:si], 0
        je      .no_shift
        cmp     bl, [cs:si]
        je      shift_event
        add     si, 2
        jmp     .shift
.no_shift:
        test    al, 0x80                ; releases of other keys mean nothing
        jnz     .end
        mov     cl, [BDA_SHIFT_FLAGS]
        cmp     al, 0x53
        jne     .not_reset
        mov     ch, cl
        and     ch, SHIFT_CTRL | SHIFT_ALT
        cmp     ch, SHIFT_CTRL | SHIFT_ALT
        jne     .not_reset
        mov     word [BDA_RESET_FLAG], 0x1234
        jmp     reset_machine
.not_reset:
        cmp     al, 0x3a
        je      .caps
        cmp     al, 0x45
        je      .num
        cmp     al, 0x46
        je      .scroll
        test    ah, KEY_E0
        jnz     grey_key
        cmp     al, 0x47
        jb      .table
        cmp     al, 0x53
        jbe     keypad_key
.table: cmp     al, KEY_TABLE_LAST
        ja      .end
        movzx   bx, al
        shl     bx, 3
        test    cl, SHIFT_ALT
        jnz     .alt
        test    cl, SHIFT_CTRL
        jnz     .ctrl
        mov     dx, [cs:bx + key_table]
        mov     ah, dl
        sub     ah, 'a'
        cmp     ah, 26
        jae     .no_letter
        test    cl, SHIFT_CAPS          ; turns the meaning of Shift round
        jz      .no_letter
        test    cl, SHIFT_LEFT | SHIFT_RIGHT
        jz      .shifted
        jmp     store_key
.no_letter:
        test    cl, SHIFT_LEFT | SHIFT_RIGHT
        jz      store_key
.shifted:
        mov     dx, [cs:bx + key_table + 2]
        jmp     store_key
.ctrl:  mov     dx, [cs:bx + key_table + 4]
        jmp     store_key
.alt:   mov     dx, [cs:bx + key_table + 6]
        jmp     store_key
.caps:  mov     dl, SHIFT_CAPS
        jmp     .toggle
.num:   mov     dl, SHIFT_NUM
        jmp     .toggle
.scroll:
        test    ah, KEY_E0              ; Ctrl-Break
        jnz     .break
        mov     dl, SHIFT_SCROLL
.toggle:
        xor     [BDA_SHIFT_FLAGS], dl
        ret
.break: or      byte [BDA_BREAK], 0x80
        mov     ax, [BDA_KEY_START]
        mov     [BDA_KEY_HEAD], ax
        mov     [BDA_KEY_TAIL], ax
        xor     dx, dx
        jmp     store_key_always

; Scancode, bit in BDA_SHIFT_FLAGS.
shift_keys:
        db 0x1d, SHIFT_CTRL, 0x2a, SHIFT_LEFT, 0x36, SHIFT_RIGHT, 0x38, SHIFT_ALT, 0

; AL = code of a shift key, AH = BDA_KEY_MODE with E0 as it was, CS:SI = its row.
shift_event:
        mov     dl, [cs:si + 1]
        mov     dh, 0                   ; its bit for the right one
        test    ah, KEY_E0
        jz      .side
        mov     dh, dl                  ; Ctrl and Alt: the same bits in BDA_KEY_MODE
.side:  test    al, 0x80
        jnz     .released
        or      [BDA_SHIFT_FLAGS], dl
        test    dh, dh
        jnz     .right
        shr     dl, 2                   ; left Ctrl and Alt have bits 0 and 1 of the second byte
        and     dl, 3
        or      [BDA_SHIFT_FLAGS2], dl
        ret
.right: or      [BDA_KEY_MODE], dh
        ret
.released:
        mov     cl, dl
        not     cl
        test    dh, dh
        jnz     .right_released
        mov     ch, dl
        shr     ch, 2
        and     ch, 3
        not     ch
        and     [BDA_SHIFT_FLAGS2], ch
        mov     ah, [BDA_KEY_MODE]      ; the other one may be down
        and     ah, dl
        and     ah, SHIFT_CTRL | SHIFT_ALT
        jnz     .alt_digits
        and     [BDA_SHIFT_FLAGS], cl
        jmp     .alt_digits
.right_released:
        and     [BDA_KEY_MODE], cl
        mov     ah, [BDA_SHIFT_FLAGS2]
        shl     ah, 2
        and     ah, dl
        jnz     .alt_digits
        and     [BDA_SHIFT_FLAGS], cl
.alt_digits:
        ; The digits typed while Alt was down are a character.
        cmp     dl, SHIFT_ALT
        jne     .end
        xor     dx, dx
        xchg    dl, [BDA_ALT_DIGITS]
        test    dl, dl
        jnz     store_key_always
.end:   ret

; A key behind E0, in AL; CL = shifts.
grey_key:
        mov     dx, 0xe00d
        cmp     al, 0x1c
        je      .enter
        mov     dx, 0xe02f
        cmp     al, 0x35
        je      .slash
        cmp     al, 0x47
        jb      .none
        cmp     al, 0x53
        ja      .none
        mov     dh, al
        mov     dl, 0xe0
        test    cl, SHIFT_ALT
        jnz     .alt
        test    cl, SHIFT_CTRL
        jz      store_key
        movzx   bx, al
        mov     dh, [cs:bx + ctrl_navigation - 0x47]
        jmp     store_key
.alt:   add     dh, 0x50
        mov     dl, 0
        jmp     store_key
.enter: test    cl, SHIFT_CTRL
        jz      store_key
        mov     dl, 10
        jmp     store_key
.slash: test    cl, SHIFT_CTRL
        jz      store_key
        mov     dx, 0x9500
        jmp     store_key
.none:  ret

; A key of the keypad, in AL; CL = shifts.
keypad_key:
        movzx   bx, al
        sub     bl, 0x47
        mov     dh, al
        mov     dl, [cs:bx + keypad_characters]
        cmp     dl, '-'
        je      .operator
        cmp     dl, '+'
        je      .operator
        test    cl, SHIFT_ALT
        jnz     .digit
        test    cl, SHIFT_CTRL
        jnz     .ctrl
        test    cl, SHIFT_NUM
        jz      .off
        test    cl, SHIFT_LEFT | SHIFT_RIGHT
        jz      store_key
        jmp     .navigate
.off:   test    cl, SHIFT_LEFT | SHIFT_RIGHT
        jnz     store_key
.navigate:
        mov     dl, 0
        cmp     dh, 0x52
        jne     store_key
        xor     byte [BDA_SHIFT_FLAGS], SHIFT_INSERT
        jmp     store_key
.ctrl:  mov     dh, [cs:bx + ctrl_navigation]
        mov     dl, 0
        jmp     store_key
.operator:
        jmp     store_key
.digit: sub     dl, '0'
        cmp     dl, 9
        ja      .end
        mov     al, [BDA_ALT_DIGITS]
        mov     ah, 10
        mul     ah
        add     al, dl
        mov     [BDA_ALT_DIGITS], al
.end:   ret

; Puts DX (scancode, character) into the buffer unless it is 0; a full one beeps.
store_key:
        test    dx, dx
        jz      store_key_always.end
store_key_always:
        mov     bx, [BDA_KEY_TAIL]
        lea     si, [bx + 2]
        cmp     si, [BDA_KEY_END]
        jb      .inside
        mov     si, [BDA_KEY_START]
.inside:
        cmp     si, [BDA_KEY_HEAD]
        je      .full
        mov     [bx + 0x400], dx
        mov     [BDA_KEY_TAIL], si
.end:   ret
.full:  jmp     beep

; INT 16h. AH = 0, 10h wait for a key; 1, 11h look (zero flag: none); 2, 12h shifts; 5 stores CX; 3 and 9 are accepted.
int16_keyboard:
        ENTER_SERVICE
        sti
        cmp     ah, 0x00
        je      .read
        cmp     ah, 0x10
        je      .read
        cmp     ah, 0x01
        je      .look
        cmp     ah, 0x11
        je      .look
        cmp     ah, 0x02
        je      .shifts
        cmp     ah, 0x12
        je      .all_shifts
        cmp     ah, 0x05
        je      .store
        cmp     ah, 0x09
        je      .functions
        jmp     leave_service
.read:  cli
        mov     bx, [BDA_KEY_HEAD]
        cmp     bx, [BDA_KEY_TAIL]
        jne     .take
        sti
        hlt
        jmp     .read
.take:  mov     dx, [bx + 0x400]
        add     bx, 2
        cmp     bx, [BDA_KEY_END]
        jb      .inside
        mov     bx, [BDA_KEY_START]
.inside:
        mov     [BDA_KEY_HEAD], bx
        call    .translate
        mov     [bp + F_AX], dx
        jmp     leave_service
.look:  and     byte [bp + F_FLAGS], ~FLAG_ZERO & 0xff
        cli
        mov     bx, [BDA_KEY_HEAD]
        cmp     bx, [BDA_KEY_TAIL]
        je      .none
        mov     dx, [bx + 0x400]
        call    .translate
        mov     [bp + F_AX], dx
        jmp     leave_service
.none:  or      byte [bp + F_FLAGS], FLAG_ZERO
        jmp     leave_service
; The functions for 84 keys do not know E0.
.translate:
        test    byte [bp + F_AH], 0x10
        jnz     .same
        cmp     dl, 0xe0
        jne     .not_grey
        test    dh, dh
        jz      .same
        mov     dl, 0
.not_grey:
        cmp     dh, 0xe0
        jne     .same
        mov     dh, 0x1c
        cmp     dl, '/'
        jne     .same
        mov     dh, 0x35
.same:  ret
.all_shifts:
        mov     al, [BDA_SHIFT_FLAGS2]
        and     al, 0x73
        mov     ah, [BDA_KEY_MODE]
        and     ah, 0x0c
        or      al, ah
        mov     [bp + F_AH], al
.shifts:
        mov     al, [BDA_SHIFT_FLAGS]
        mov     [bp + F_AL], al
        jmp     leave_service
.store: mov     dx, cx
        cli
        mov     bx, [BDA_KEY_TAIL]
        lea     si, [bx + 2]
        cmp     si, [BDA_KEY_END]
        jb      .fits
        mov     si, [BDA_KEY_START]
.fits:  mov     byte [bp + F_AL], 1
        cmp     si, [BDA_KEY_HEAD]
        je      leave_service
        mov     byte [bp + F_AL], 0
        mov     [bx + 0x400], dx
        mov     [BDA_KEY_TAIL], si
        jmp     leave_service
.functions:
        mov     byte [bp + F_AL], 0x20  ; functions 10h-12h are there
        jmp     leave_service
