; Tells the ACPI and MP tables that it finds below 1 MiB, in hexadecimal: a line each.
%include "start.asm"

program:
        cld
        mov     ax, 0xe000
.search:
        mov     es, ax
        xor     di, di
        cmp     dword [es:di], "RSD "
        jne     .not_rsdp
        cmp     dword [es:di + 4], "PTR "
        jne     .not_rsdp
        mov     [rsdp], es
        mov     cx, 36
        LINE    "RSDP "
        call    dump
.not_rsdp:
        cmp     dword [es:0], "_MP_"
        jne     .not_mp
        mov     cx, 16
        LINE    "_MP_ "
        call    dump
        push    es
        mov     eax, [es:4]
        call    segment_of
        mov     cx, [es:di + 4]
        LINE    "PCMP "
        call    dump
        pop     es
.not_mp:
        mov     ax, es
        inc     ax
        jnz     .search

        mov     es, [rsdp]
        mov     eax, [es:24]            ; the XSDT
        call    segment_of
        LINE    "XSDT "
        call    dump_table
        mov     cx, [es:di + 4]
        sub     cx, 36
        shr     cx, 3
        lea     si, [di + 36]
.table: mov     eax, [es:si]
        push    es
        pusha
        call    segment_of
        cmp     dword [es:di], "FACP"
        jne     .named
        push    es
        push    di
        mov     eax, [es:di + 40]
        call    segment_of
        LINE    "DSDT "
        call    dump_table
        pop     di
        pop     es
.named: mov     eax, [es:di]
        mov     cx, 4
.name:  out     0xe9, al
        shr     eax, 8
        loop    .name
        SAY     ' '
        call    dump_table
        popa
        pop     es
        add     si, 8
        loop    .table
        LINE    "end", 10
        cli
        hlt

; ES:DI = EAX. Changes EAX.
segment_of:
        mov     di, ax
        and     di, 15
        shr     eax, 4
        mov     es, ax
        ret

dump_table:
        push    cx
        mov     cx, [es:di + 4]
        call    dump
        pop     cx
        ret

; CX bytes of ES:DI in hexadecimal, and a line feed. Keeps all.
dump:   pusha
.byte:  mov     al, [es:di]
        inc     di
        aam     16
        add     ax, "00"
        cmp     al, '9'
        jbe     .low
        add     al, 'a' - '9' - 1
.low:   cmp     ah, '9'
        jbe     .high
        add     ah, 'a' - '9' - 1
.high:  xchg    al, ah
        out     0xe9, al
        mov     al, ah
        out     0xe9, al
        loop    .byte
        mov     al, 10
        out     0xe9, al
        popa
        ret

rsdp:   dw 0
program_end:
        times 2048 - ($ - $$) db 0
