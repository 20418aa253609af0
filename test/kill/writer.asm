; writer - writes numbered sectors to two disks for ever, and says on COM1 which are flushed.
;
; Sector contents are one number, 128 times. Number n goes to slot n mod 16 of its disk; a slot is every 200th sector, so that slots lie in
; clusters of their own. A slot is read and compared before it is written: what is there must be what this guest put there last. At the
; start it reads all slots and goes on after the highest number. Lines: "0 0000002C" all numbers of disk 0 up to 2C are flushed; "S 0 …" where
; a start goes on; "X 0 …" a slot holds something else (what it holds, what it should), "T" a sector of two numbers, "E" a command failed.
;
; Real mode, polled PIO; the first IDE channel with two disks. BL: the disk.

        bits 16
        org 0x7c00

SLOTS           equ 16
STRIDE          equ 200
FIRST           equ 16
BUFFER          equ 0x3000
TABLE           equ 0x4000              ; what each slot of each disk holds
NEXT            equ 0x4400              ; the next number of each disk
DATA            equ 0x1f0
STATUS          equ 0x1f7
COM1            equ 0x3f8

        jmp     0:start
        times   510 - ($ - $$) db 0
        db      0x55, 0xaa

start:  cli
        cld
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        mov     dx, 0x3f6
        mov     al, 2                   ; no interrupts
        out     dx, al
        xor     ebx, ebx
.scan:  call    scan
        inc     bl
        cmp     bl, 2
        jb      .scan
.round: xor     bl, bl
.disk:  mov     bp, 4
.write: call    write_next
        dec     bp
        jnz     .write
        mov     al, 0xe7                ; FLUSH CACHE
        xor     esi, esi
        call    command
        call    ready
        mov     al, bl
        add     al, '0'
        call    print
        mov     eax, [NEXT + ebx * 4]
        dec     eax
        call    number
        inc     bl
        cmp     bl, 2
        jb      .disk
        jmp     .round

; Reads all slots of disk BL into its table, and sets its next number.
scan:   xor     esi, esi                ; slot
        xor     ebp, ebp                ; highest number
.slot:  call    read_slot
        mov     edi, ebx
        shl     edi, 8
        mov     [TABLE + edi + esi * 4], eax
        cmp     eax, ebp
        jbe     .lower
        mov     ebp, eax
.lower: inc     si
        cmp     si, SLOTS
        jb      .slot
        inc     ebp
        mov     [NEXT + ebx * 4], ebp
        mov     al, 'S'
        call    print
        mov     al, ' '
        call    print
        mov     al, bl
        add     al, '0'
        call    print
        mov     eax, ebp
        jmp     number

; Writes the next number of disk BL to its slot, after a look at what is there.
write_next:
        push    bp
        mov     ecx, [NEXT + ebx * 4]
        mov     esi, ecx
        and     esi, SLOTS - 1
        call    read_slot
        mov     edi, ebx
        shl     edi, 8
        cmp     eax, [TABLE + edi + esi * 4]
        jne     differs
        mov     ecx, [NEXT + ebx * 4]
        mov     [TABLE + edi + esi * 4], ecx
        mov     eax, ecx
        mov     edi, BUFFER
        mov     cx, 128
        rep     stosd
        mov     al, 0x30                ; WRITE SECTORS
        call    command
        call    data_wanted
        push    si
        mov     si, BUFFER
        mov     cx, 256
        mov     dx, DATA
        rep     outsw
        pop     si
        call    ready
        inc     dword [NEXT + ebx * 4]
        pop     bp
        ret

differs:
        push    eax
        mov     al, 'X'
        call    print
        mov     al, ' '
        call    print
        mov     al, bl
        add     al, '0'
        call    print
        pop     eax
        call    number
        mov     eax, [TABLE + edi + esi * 4]
        call    number
        jmp     stop

; The number that slot SI of disk BL holds, in EAX. Changes CX, DX, DI.
read_slot:
        mov     al, 0x20                ; READ SECTORS
        call    command
        call    data_wanted
        mov     di, BUFFER
        mov     cx, 256
        mov     dx, DATA
        rep     insw
        mov     eax, [BUFFER]
        mov     di, BUFFER
        mov     cx, 128
        repe    scasd
        jne     torn
        ret
torn:   mov     al, 'T'
        call    print
        mov     al, bl
        add     al, '0'
        call    print
        mov     eax, esi
        call    number
        jmp     stop

; Gives command AL to disk BL, for one sector of slot SI. Changes DX.
command:
        push    ax
        call    idle
        mov     dx, 0x1f6
        mov     al, bl
        shl     al, 4
        or      al, 0xe0                ; LBA
        out     dx, al
        call    idle
        movzx   eax, si
        imul    eax, eax, STRIDE
        add     eax, FIRST
        push    eax
        mov     dx, 0x1f2
        mov     al, 1
        out     dx, al
        pop     eax
        inc     dx
        out     dx, al
        inc     dx
        shr     eax, 8
        out     dx, al
        inc     dx
        shr     eax, 8
        out     dx, al
        pop     ax
        mov     dx, STATUS
        out     dx, al
        ret

; Waits until the selected disk is not busy.
idle:   pause
        mov     dx, STATUS
        in      al, dx
        test    al, 0x80
        jnz     idle
        ret

; Waits for the end of a command. Its failure ends everything.
ready:  call    idle
        test    al, 0x21
        jnz     failed
        ret

; Waits until the disk wants data.
data_wanted:
        call    ready
        test    al, 0x08
        jz      data_wanted
        ret

failed: mov     al, 'E'
        call    print
        mov     eax, [NEXT + ebx * 4]
        call    number
stop:   hlt
        jmp     stop

; Prints a space, EAX in hexadecimal digits, and the end of a line. Changes CX, DX.
number: push    eax
        mov     al, ' '
        call    print
        pop     eax
        mov     cx, 8
.digit: rol     eax, 4
        push    eax
        and     al, 15
        add     al, '0'
        cmp     al, '9'
        jbe     .decimal
        add     al, 'A' - '0' - 10
.decimal:
        call    print
        pop     eax
        loop    .digit
        mov     al, 10

; Prints AL. Changes DX.
print:  push    ax
        mov     dx, COM1 + 5
.wait:  in      al, dx
        test    al, 0x20
        jz      .wait
        pop     ax
        mov     dx, COM1
        out     dx, al
        ret
