; Works on the FAT file systems (12 and 16 bits) of hard disk 80h and floppy drive 1, without partitions: tells what NOTE.TXT says, writes
; it in capitals to COPY.TXT, and deletes OLD.TXT. Hard disks through INT 13h with block numbers, floppies with heads and cylinders.
%include "start.asm"

FAT_SEGMENT     equ 0x2000              ; the first FAT, at most 64 KiB
ROOT_SEGMENT    equ 0x3000              ; the root directory
DATA_SEGMENT    equ 0x4000              ; a file, at most 64 KiB
BPB             equ 0x6000              ; the volume's first sector

BPB_CLUSTER     equ BPB + 13            ; sectors
BPB_RESERVED    equ BPB + 14
BPB_FATS        equ BPB + 16
BPB_ROOT        equ BPB + 17            ; entries
BPB_SECTORS     equ BPB + 19
BPB_FAT_SECTORS equ BPB + 22
BPB_TRACK       equ BPB + 24
BPB_HEADS       equ BPB + 26
BPB_SECTORS_32  equ BPB + 32

ENTRY_CLUSTER   equ 26
ENTRY_BYTES     equ 28
ENTRY           equ 32

program:
        cld
        mov     dl, 0x80
        call    volume
        mov     dl, 1
        call    volume
        LINE    "end", 10
        cli
        hlt

; Does it all on drive DL.
volume: mov     [unit], dl
        xor     ax, ax
        mov     es, ax
        mov     ds, ax
        mov     byte [BPB_TRACK], 18    ; as a boot sector comes without
        mov     byte [BPB_HEADS], 2
        xor     eax, eax
        mov     bx, BPB
        mov     cx, 1
        call    read_sectors
        call    layout
        mov     ax, FAT_SEGMENT
        mov     es, ax
        xor     bx, bx
        movzx   eax, word [BPB_RESERVED]
        mov     cx, [BPB_FAT_SECTORS]
        call    read_sectors
        mov     ax, ROOT_SEGMENT
        mov     es, ax
        xor     bx, bx
        mov     eax, [root_start]
        mov     cx, [root_sectors]
        call    read_sectors

        mov     si, note_name
        call    find_entry
        jc      .no_note
        call    read_file
        LINE    "note "
        mov     ax, DATA_SEGMENT
        mov     es, ax
        xor     di, di
.say:   cmp     di, 64                  ; the start of it says enough
        jae     .said
        cmp     di, [file_bytes]
        jae     .said
        mov     al, [es:di]
        inc     di
        cmp     al, 10
        je      .said
        out     0xe9, al
        jmp     .say
.said:  LINE    10
        mov     cx, [file_bytes]
        xor     di, di
        jcxz    .capitals_end
.capital:
        mov     al, [es:di]
        cmp     al, 'a'
        jb      .next
        cmp     al, 'z'
        ja      .next
        sub     byte [es:di], 'a' - 'A'
.next:  inc     di
        loop    .capital
.capitals_end:
        call    write_copy
.no_note:
        mov     si, old_name
        call    find_entry
        jc      .no_old
        mov     byte [es:di], 0xe5
        mov     ax, [es:di + ENTRY_CLUSTER]
.free:  cmp     ax, 2
        jb      .freed
        cmp     ax, [last_cluster]
        ja      .freed
        mov     bx, ax
        call    fat_get
        push    ax
        mov     ax, bx
        xor     dx, dx
        call    fat_set
        pop     ax
        jmp     .free
.freed: LINE    "deleted", 10
.no_old:
        ; The directory last: what it names is there before.
        mov     ax, FAT_SEGMENT
        mov     es, ax
        movzx   eax, word [BPB_RESERVED]
        mov     dl, [BPB_FATS]
.fat:   push    dx
        push    eax
        xor     bx, bx
        mov     cx, [BPB_FAT_SECTORS]
        call    write_sectors
        pop     eax
        movzx   ecx, word [BPB_FAT_SECTORS]
        add     eax, ecx
        pop     dx
        dec     dl
        jnz     .fat
        mov     ax, ROOT_SEGMENT
        mov     es, ax
        xor     bx, bx
        mov     eax, [root_start]
        mov     cx, [root_sectors]
        jmp     write_sectors

; Where things are, from the BPB.
layout: movzx   eax, byte [BPB_FATS]
        movzx   ecx, word [BPB_FAT_SECTORS]
        imul    eax, ecx
        movzx   ecx, word [BPB_RESERVED]
        add     eax, ecx
        mov     [root_start], eax
        movzx   ecx, word [BPB_ROOT]
        shr     cx, 4                   ; 16 entries a sector
        mov     [root_sectors], cx
        add     eax, ecx
        mov     [data_start], eax
        movzx   ecx, word [BPB_SECTORS]
        test    cx, cx
        jnz     .small
        mov     ecx, [BPB_SECTORS_32]
.small: sub     ecx, eax
        mov     eax, ecx
        xor     edx, edx
        movzx   ecx, byte [BPB_CLUSTER]
        div     ecx
        inc     ax                      ; numbers begin with 2
        mov     [last_cluster], ax
        cmp     ax, 4085                ; fewer than 4,085 clusters are FAT12
        seta    byte [wide]
        ret

; ES:DI = the directory entry with the name at SI. Carry: there is none. Changes AX, CX.
find_entry:
        mov     ax, ROOT_SEGMENT
        mov     es, ax
        xor     di, di
        mov     cx, [BPB_ROOT]
.entry: push    cx
        push    si
        push    di
        mov     cx, 11
        repe cmpsb
        pop     di
        pop     si
        pop     cx
        je      .end                    ; no carry
        add     di, ENTRY
        loop    .entry
        stc
.end:   ret

; The file of entry ES:DI to the data segment. Changes all.
read_file:
        mov     eax, [es:di + ENTRY_BYTES]
        mov     [file_bytes], ax
        mov     si, [es:di + ENTRY_CLUSTER]
        xor     bx, bx
.cluster:
        cmp     si, 2
        jb      .end
        cmp     si, [last_cluster]
        ja      .end
        mov     ax, DATA_SEGMENT
        mov     es, ax
        mov     ax, si
        call    cluster_start
        movzx   cx, byte [BPB_CLUSTER]
        push    si
        call    read_sectors
        pop     si
        mov     ax, si
        call    fat_get
        mov     si, ax
        jmp     .cluster
.end:   ret

; COPY.TXT with what is in the data segment. Changes all.
write_copy:
        mov     ax, ROOT_SEGMENT
        mov     es, ax
        xor     di, di
.entry: cmp     byte [es:di], 0
        je      .free
        cmp     byte [es:di], 0xe5
        je      .free
        add     di, ENTRY
        jmp     .entry
.free:  mov     [entry], di
        mov     si, copy_name
        mov     cx, 11
        rep movsb
        mov     al, 0x20                ; archive
        stosb
        xor     al, al
        mov     cx, 10
        rep stosb
        mov     ax, 0x6000              ; noon
        stosw
        mov     ax, (46 << 9) | (11 << 5) | 28
        stosw
        xor     ax, ax
        stosw                           ; the first cluster follows
        movzx   eax, word [file_bytes]
        stosd
        xor     bx, bx                  ; offset in the data
        xor     si, si                  ; the cluster before
        movzx   edi, word [file_bytes]  ; what is left
.cluster:
        test    edi, edi
        jz      .end
        mov     ax, 2
.search:
        push    ax
        call    fat_get
        test    ax, ax
        pop     ax
        jz      .found
        inc     ax
        cmp     ax, [last_cluster]
        jbe     .search
        LINE    "full", 10
        ret
.found: mov     dx, 0xffff              ; the last one so far
        call    fat_set
        test    si, si
        jnz     .chain
        mov     cx, ROOT_SEGMENT
        mov     es, cx
        mov     bp, [entry]
        mov     [es:bp + ENTRY_CLUSTER], ax
        jmp     .write
.chain: mov     dx, ax
        xchg    ax, si
        call    fat_set
        xchg    ax, si
.write: mov     si, ax
        call    cluster_start
        mov     cx, DATA_SEGMENT
        mov     es, cx
        movzx   cx, byte [BPB_CLUSTER]
        push    si
        push    edi
        call    write_sectors
        pop     edi
        pop     si
        movzx   eax, byte [BPB_CLUSTER]
        shl     eax, 9
        sub     edi, eax
        jnc     .cluster
.end:   ret

; EAX = first sector of cluster AX. Changes ECX.
cluster_start:
        movzx   eax, ax
        sub     eax, 2
        movzx   ecx, byte [BPB_CLUSTER]
        imul    eax, ecx
        add     eax, [data_start]
        ret

; AX = what the FAT says of cluster AX; marks of an end and of bad clusters are beyond the last cluster. Keeps all others.
fat_get:
        push    bx
        push    es
        push    word FAT_SEGMENT
        pop     es
        mov     bx, ax
        cmp     byte [wide], 0
        je      .narrow
        add     bx, bx
        mov     ax, [es:bx]
        jmp     .end
.narrow:
        shr     bx, 1
        pushf
        add     bx, ax                  ; one and a half bytes each
        popf
        mov     ax, [es:bx]
        jc      .odd
        and     ax, 0x0fff
        jmp     .end
.odd:   shr     ax, 4
.end:   pop     es
        pop     bx
        ret

; Cluster AX: DX (of which FAT12 takes 12 bits). Keeps all.
fat_set:
        pusha
        push    es
        push    word FAT_SEGMENT
        pop     es
        mov     bx, ax
        cmp     byte [wide], 0
        je      .narrow
        add     bx, bx
        mov     [es:bx], dx
        jmp     .end
.narrow:
        shr     bx, 1
        pushf
        add     bx, ax
        popf
        mov     cx, [es:bx]
        jc      .odd
        and     cx, 0xf000
        and     dx, 0x0fff
        jmp     .store
.odd:   and     cx, 0x000f
        shl     dx, 4
.store: or      cx, dx
        mov     [es:bx], cx
.end:   pop     es
        popa
        ret

; CX sectors from EAX on to ES:BX, and from there; BX goes on. Change all but BP, ES.
read_sectors:
        mov     byte [operation], 0x42
        jmp     sectors
write_sectors:
        mov     byte [operation], 0x43
sectors:
        test    byte [unit], 0x80
        jz      .floppy
        mov     [packet_sector], eax
        mov     [packet_offset], bx
        mov     [packet_segment], es
.more:  mov     ax, cx
        cmp     ax, 64
        jbe     .few
        mov     ax, 64
.few:   mov     [packet_count], ax
        push    ax
        mov     si, packet
        mov     ah, [operation]
        mov     al, 0
        mov     dl, [unit]
        push    cx
        int     0x13
        pop     cx
        pop     ax
        jc      .failed
        sub     cx, ax
        movzx   eax, ax
        add     [packet_sector], eax
        shl     ax, 9
        add     [packet_offset], ax
        mov     bx, [packet_offset]
        test    cx, cx
        jnz     .more
        ret
; A sector at a time.
.floppy:
        mov     si, ax
.next:  push    cx
        mov     ax, si
        xor     dx, dx
        div     word [BPB_TRACK]
        mov     cl, dl
        inc     cl
        xor     dx, dx
        div     word [BPB_HEADS]
        mov     ch, al
        mov     dh, dl
        mov     dl, [unit]
        mov     ah, [operation]
        sub     ah, 0x40                ; 2 and 3
        mov     al, 1
        push    si
        int     0x13
        pop     si
        pop     cx
        jc      .failed
        add     bx, 512
        inc     si
        loop    .next
        ret
.failed:
        mov     al, ah
        LINE    "error "
        xor     ah, ah
        TELL    ax
        LINE    "at "
        TELL    word [unit]
        LINE    10, "?", 10
        cli
        hlt

note_name:      db "NOTE    TXT"
copy_name:      db "COPY    TXT"
old_name:       db "OLD     TXT"
        align 4
packet: dw 16
packet_count:   dw 0
packet_offset:  dw 0
packet_segment: dw 0
packet_sector:  dd 0, 0
root_start:     dd 0
data_start:     dd 0
root_sectors:   dw 0
last_cluster:   dw 0
file_bytes:     dw 0
entry:          dw 0
operation:      db 0
wide:           db 0
unit:           db 0, 0
program_end:
        times 4096 - ($ - $$) db 0
