; hello - a boot sector that greets and echoes what is typed.
;
; It is entered in real mode at 0000:7C00 and needs no BIOS: the screen is written in text memory at B800:0000, keys come from
; the i8042 by IRQ 1, and COM1 gets a copy of everything and may be typed into as well (IRQ 4). The timer (IRQ 0) keeps the
; clock in the bottom line. Memory:
;
;   0000:0000  interrupt vectors, of which three become ours
;   0000:7C00  this program; the stack grows down from it
;   B800:0000  80 x 25 cells of a character byte and a colour byte
;
; Vitrine loads the whole image. A PC's BIOS loads one sector: for a disk, assemble with -dDISK, and the rest is read by INT 13h.

        bits 16
        org 0x7c00

COLUMNS         equ 80
ROWS            equ 25
TEXT_SEGMENT    equ 0xb800
FIRST_ROW       equ 11                  ; rows 11..23 belong to the typist
LAST_ROW        equ 23
STATUS_ROW      equ 24

GREY            equ 0x07
DARK            equ 0x08
WHITE           equ 0x0f
YELLOW          equ 0x0e
CYAN            equ 0x0b
GREEN           equ 0x0a
BAR             equ 0x1f                ; white on blue

COM1            equ 0x3f8
PIC_COMMAND     equ 0x20
PIC_MASK        equ 0x21
KEYBOARD_DATA   equ 0x60
CRTC            equ 0x3d4
END_OF_INTERRUPT equ 0x20

BACKSPACE       equ 8
ENTER_KEY       equ 13
LINE_FEED       equ 10

%define CELL(row, column) ((row) * COLUMNS + (column)) * 2

; puts ROW, COLUMN, COLOUR, LABEL: a zero-terminated text on the screen.
%macro puts 4
        mov di, CELL(%1, %2)
        mov ah, %3
        mov si, %4
        call draw_text
%endmacro

start:
        jmp 0:.entered                  ; some loaders say 07C0:0000
.entered:
        pushf
        push sp
        cli
        mov bp, sp                      ; [bp] SP before the push, [bp+2] FLAGS
        push dx                         ; [bp-2]
        push cx                         ; [bp-4]
        push bx                         ; [bp-6]
        push ax                         ; [bp-8]
        xor ax, ax
        mov ds, ax
        cld
%ifdef DISK
        mov es, ax
        mov bx, start + 512
        mov ax, 0x0200 + SECTORS - 1    ; read, so many sectors
        mov cx, 0x0002                  ; cylinder 0, sector 2
        xor dh, dh
        int 0x13
        jc $                            ; nobody to complain to yet
        cli
%endif
        jmp greet

        times 510 - ($ - $$) db 0
        dw 0xaa55

greet:
        mov ax, TEXT_SEGMENT
        mov es, ax
        call clear_screen
        call draw_page
        call start_serial
        mov si, serial_greeting
        call send_text

        ; Vectors, then the three lines in the interrupt controller's mask.
        mov word [8 * 4], on_timer
        mov word [8 * 4 + 2], 0
        mov word [9 * 4], on_key
        mov word [9 * 4 + 2], 0
        mov word [12 * 4], on_serial
        mov word [12 * 4 + 2], 0
        mov al, 0xe8                    ; open: 0 timer, 1 keyboard, 2 cascade, 4 COM1
        out PIC_MASK, al
        in al, KEYBOARD_DATA            ; a key from before would block the next

        call new_line.prompt
        sti
main:
        mov bx, [taken]
        cmp bx, [stored]
        je .idle
        inc word [taken]
        and bx, QUEUE_SIZE - 1
        mov al, [queue + bx]
        call echo
        jmp main
.idle:
        call draw_status
        cli                             ; an interrupt between the test and HLT must not be slept over
        mov bx, [taken]
        cmp bx, [stored]
        sti                             ; takes effect after the next instruction
        jne main
        hlt
        jmp main

; echo: AL is a character; shows it on screen and serial line.
echo:
        inc word [keys]
        cmp al, ENTER_KEY
        je new_line
        cmp al, LINE_FEED
        je new_line
        cmp al, BACKSPACE
        je erase
        cmp al, 0x7f
        je erase
        cmp al, ' '
        jb .nothing
        call send
        mov di, [cursor]
        mov ah, WHITE
        stosw
        mov [cursor], di
        mov ax, di                      ; at the end of a line?
        xor dx, dx
        mov cx, COLUMNS * 2
        div cx
        test dx, dx
        jz new_line.fresh
        jmp place_cursor
.nothing:
        ret

; erase: takes back one character, down to the prompt.
erase:
        mov di, [cursor]
        cmp di, [line_start]
        je .done
        sub di, 2
        mov word [es:di], (GREY << 8) | ' '
        mov [cursor], di
        mov si, serial_erase
        call send_text
.done:
        jmp place_cursor

; new_line: to the next row, scrolling rows FIRST_ROW..LAST_ROW when there is none; prints the prompt.
new_line:
        mov ax, [cursor]
        xor dx, dx
        mov cx, COLUMNS * 2
        div cx
        inc ax
        mul cx
        mov [cursor], ax
.fresh:
        mov si, serial_line
        call send_text
        cmp word [cursor], CELL(LAST_ROW + 1, 0)
        jb .prompt
        push ds
        push es
        pop ds
        mov si, CELL(FIRST_ROW + 1, 0)
        mov di, CELL(FIRST_ROW, 0)
        mov cx, (LAST_ROW - FIRST_ROW) * COLUMNS
        rep movsw
        pop ds
        mov cx, COLUMNS
        mov ax, (GREY << 8) | ' '
        rep stosw
        mov word [cursor], CELL(LAST_ROW, 0)
.prompt:
        mov di, [cursor]
        add di, 2 * 2
        mov ax, (CYAN << 8) | '>'
        stosw
        add di, 2
        mov [cursor], di
        mov [line_start], di
        mov si, serial_prompt
        call send_text
        ; fall through
; place_cursor: the blinking cursor goes where the next character will.
place_cursor:
        mov bx, [cursor]
        shr bx, 1
        mov dx, CRTC
        mov al, 0x0e                    ; cursor location, high byte
        mov ah, bh
        out dx, ax
        mov al, 0x0f                    ; and low byte
        mov ah, bl
        out dx, ax
        ret

; --- The page ---------------------------------------------------------------------------------------------------------

clear_screen:
        xor di, di
        mov cx, COLUMNS * ROWS
        mov ax, (GREY << 8) | ' '
        rep stosw
        ret

draw_page:
        xor di, di
        mov cx, COLUMNS
        mov ax, (BAR << 8) | ' '
        rep stosw
        mov di, CELL(STATUS_ROW, 0)
        mov cx, COLUMNS
        rep stosw
        puts 0, 2, BAR, text_title
        puts 0, 45, BAR, text_subtitle
        puts 2, 2, WHITE, text_hello
        puts 4, 2, GREY, text_about1
        puts 5, 2, GREY, text_about2
        puts 9, 2, YELLOW, text_type
        puts STATUS_ROW, 2, BAR, text_status

        ; Registers as they were at entry: name in dark grey, value in green.
        mov di, CELL(7, 2)
        mov si, register_names
.next:
        mov ah, DARK
        call draw_text                  ; leaves SI behind the text's zero
        lodsw                           ; distance from BP
        push si
        mov si, ax
        mov ax, [bp + si]
        mov dl, GREEN
        call draw_hex
        pop si
        add di, 4
        cmp byte [si], 0
        jne .next
        ret

; draw_status: seconds since start and number of keys, in the bottom bar.
draw_status:
        mov ax, [ticks]
        mov dx, [ticks + 2]
        mov cx, 182                     ; 18.2 ticks a second
        push ax
        mov ax, dx
        xor dx, dx
        div cx
        pop ax
        div cx                          ; AX = tens of seconds, DX = rest in ticks
        push dx
        mov dx, 10
        mul dx
        pop cx
        xchg ax, cx
        push cx
        mov dx, 10
        mul dx
        mov cx, 182
        div cx
        pop cx
        add ax, cx
        mov di, CELL(STATUS_ROW, 5)
        call draw_decimal
        mov ax, [keys]
        mov di, CELL(STATUS_ROW, 20)
        ; fall through
; draw_decimal: AX at ES:DI, five places, in the bar's colour.
draw_decimal:
        add di, 4 * 2
        mov cx, 5
        mov bx, 10
.digit:
        xor dx, dx
        div bx
        mov dh, BAR
        add dl, '0'
        mov [es:di], dx
        sub di, 2
        test ax, ax
        jz .blank
        loop .digit
        ret
.blank:
        dec cx
        jz .done
        mov word [es:di], (BAR << 8) | ' '
        sub di, 2
        jmp .blank
.done:
        ret

; draw_hex: AX as four digits of colour DL at ES:DI; DI moves on.
draw_hex:
        mov cx, 4
.digit:
        rol ax, 4
        push ax
        and al, 0x0f
        cmp al, 10
        sbb al, 0x69                    ; the old trick: 0..15 to '0'..'F'
        das
        mov ah, dl
        stosw
        pop ax
        loop .digit
        ret

; draw_text: the zero-terminated text at DS:SI in colour AH at ES:DI; both move on.
draw_text:
        lodsb
        test al, al
        jz .done
        stosw
        jmp draw_text
.done:
        ret

; --- Interrupts --------------------------------------------------------------------------------------------------------

on_timer:
        push ax
        add word [cs:ticks], 1
        adc word [cs:ticks + 2], 0
        jmp acknowledge

; Scancodes of set 1: bit 7 says released. Only letters, digits, signs and both shift keys mean something here.
on_key:
        push ax
        push bx
        push ds
        xor bx, bx
        mov ds, bx
        in al, KEYBOARD_DATA
        mov bl, al
        and bl, 0x7f
        cmp bl, 0x2a                    ; left shift
        je .shift
        cmp bl, 0x36                    ; right shift
        je .shift
        test al, 0x80
        jnz .done
        cmp bl, KEY_COUNT
        jae .done
        cmp byte [shifted], 0
        je .plain
        mov al, [keys_shifted + bx]
        jmp .have
.plain:
        mov al, [keys_plain + bx]
.have:
        test al, al
        jz .done
        call store
.done:
        pop ds
        pop bx
        jmp acknowledge
.shift:
        not al
        and al, 0x80
        mov [shifted], al
        jmp .done

on_serial:
        push ax
        push bx
        push dx
        push ds
        xor bx, bx
        mov ds, bx
.more:
        mov dx, COM1 + 5
        in al, dx
        test al, 1                      ; data ready
        jz .done
        mov dx, COM1
        in al, dx
        call store
        jmp .more
.done:
        pop ds
        pop dx
        pop bx
        ; fall through
acknowledge:
        mov al, END_OF_INTERRUPT
        out PIC_COMMAND, al
        pop ax
        iret

; store: puts AL into the queue, or drops it when the queue is full. Changes BX.
store:
        mov bx, [stored]
        sub bx, [taken]
        cmp bx, QUEUE_SIZE
        jae .full
        mov bx, [stored]
        inc word [stored]
        and bx, QUEUE_SIZE - 1
        mov [queue + bx], al
.full:
        ret

; --- Serial line -------------------------------------------------------------------------------------------------------

start_serial:
        mov si, serial_setup
.next:
        lodsw                           ; register, value
        cmp al, 0xff
        je .done
        mov dx, COM1
        add dl, al
        mov al, ah
        out dx, al
        jmp .next
.done:
        ret

; send: AL to COM1, waiting for room. Keeps all registers.
send:
        push dx
        push ax
        mov dx, COM1 + 5
.wait:
        in al, dx
        test al, 0x20                   ; transmitter holding register empty
        jz .wait
        pop ax
        mov dx, COM1
        out dx, al
        pop dx
        ret

; send_text: the zero-terminated text at DS:SI.
send_text:
        lodsb
        test al, al
        jz .done
        call send
        jmp send_text
.done:
        ret

; --- Data --------------------------------------------------------------------------------------------------------------

text_title      db 'hello', 0
text_subtitle   db 'a boot sector in 16-bit real mode', 0
text_hello      db 'Hello from 0000:7C00.', 0
text_about1     db 'Nothing else runs on this machine: no operating system and no BIOS.', 0
text_about2     db 'The processor started here with these registers.', 0
text_type       db 'Type something. Enter begins a new line, Backspace takes a letter back.', 0
text_status     db 'up       s    keys', 0

; Label and distance from BP of each saved register; an empty label ends the list.
register_names:
        db 'AX ', 0
        dw -8
        db 'BX ', 0
        dw -6
        db 'CX ', 0
        dw -4
        db 'DX ', 0
        dw -2
        db 'SP ', 0
        dw 0
        db 'FLAGS ', 0
        dw 2
        db 0

serial_greeting db 'Hello from 0000:7C00.', 13, 10, 'Type something.', 13, 10, 0
serial_line     db 13, 10, 0
serial_prompt   db '> ', 0
serial_erase    db 8, ' ', 8, 0

; 115,200 baud, 8 data bits, no parity, one stop bit, FIFO on, interrupt when data are there.
serial_setup    db 3, 0x80, 0, 1, 1, 0, 3, 0x03, 2, 0x07, 4, 0x0b, 1, 0x01, 0xff, 0

keys_plain:
        db 0, 27, '1234567890-=', BACKSPACE, 9, 'qwertyuiop[]', ENTER_KEY, 0, 'asdfghjkl;', 39, '`', 0, '\zxcvbnm,./', 0, '*', 0, ' '
KEY_COUNT       equ $ - keys_plain
keys_shifted:
        db 0, 27, '!@#$%^&*()_+', BACKSPACE, 9, 'QWERTYUIOP{}', ENTER_KEY, 0, 'ASDFGHJKL:', '"', '~', 0, '|ZXCVBNM<>?', 0, '*', 0, ' '

QUEUE_SIZE      equ 64                  ; a power of two
cursor          dw CELL(FIRST_ROW, 0)   ; offset in text memory of the next character
line_start      dw 0
ticks           dd 0
keys            dw 0
stored          dw 0                    ; characters put into the queue, and taken out of it
taken           dw 0
shifted         db 0
queue           times QUEUE_SIZE db 0

        align 512, db 0
SECTORS         equ ($ - $$) / 512
