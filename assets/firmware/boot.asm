; What is started: a kernel that is in memory already (kernel.asm), the boot menu, the boot order (CMOS), INT 18h and INT 19h.

MENU_KEY        equ 0x86                ; F12's scancode in INT 16h AH = 10h
MENU_TICKS      equ 18
CMOS_BOOT_FIRST equ 0x3d
CMOS_BOOT_THIRD equ 0x38

; The end of POST.
start_boot:
        call    start_kernel
        mov     si, menu_text
        call    print
        mov     ebx, [BDA_TICKS]
.wait:  mov     ah, 0x11
        int     0x16
        jnz     .key
        sti
        hlt
        mov     eax, [BDA_TICKS]
        sub     eax, ebx
        jc      .go                     ; midnight
        cmp     eax, MENU_TICKS
        jb      .wait
.go:    int     0x19
.key:   mov     ah, 0x10
        int     0x16
        cmp     ah, MENU_KEY
        je      .menu
        cmp     al, 13
        je      .go
        cmp     al, 27
        je      .go
        jmp     .wait
.menu:  call    boot_menu
        jmp     int19_boot

menu_text:      db "Press F12 for the boot menu, Enter to start at once.", 10, 10, 0

; Lets the user choose; the choice comes first in boot_first.
boot_menu:
        mov     si, .title
        call    print
        mov     di, boot_entries
        mov     cl, '1'
.list:  mov     al, cl
        call    print_character
        mov     si, .separator
        call    print
        call    describe_entry
        mov     al, 10
        call    print_character
        inc     cl
        add     di, BOOT_ENTRY
        cmp     di, boot_entries_end
        jb      .list
        mov     si, .prompt
        call    print
.key:   mov     ah, 0x10
        int     0x16
        cmp     al, 27
        je      .end
        sub     al, '1'
        cmp     al, (boot_entries_end - boot_entries) / BOOT_ENTRY
        jae     .key
        inc     al
        mov     [cs:boot_first], al
.end:   mov     al, 10
        jmp     print_character
.title: db "Start from:", 10, 0
.separator: db ". ", 0
.prompt: db "Press a number, or Esc for the usual order.", 10, 0

BOOT_ENTRY      equ 6
; Name; tries to boot and comes back with the reason in SI if it cannot; says with carry that there is no such drive.
boot_entries:
        dw      floppy_name, boot_floppy, floppy_absent
        dw      cdrom_name, boot_cdrom, cdrom_absent
        dw      disk_name, boot_disk, disk_absent
boot_entries_end:
floppy_name:    db "Floppy disk", 0
cdrom_name:     db "CD or DVD", 0
disk_name:      db "Hard disk", 0

; Prints the entry at CS:DI.
describe_entry:
        pusha
        mov     si, [cs:di]
        call    print
        call    [cs:di + 4]
        jnc     .end
        mov     si, .absent
        call    print
.end:   popa
        ret
.absent: db " (none)", 0

int18_nothing_to_boot:
int19_boot:
        xor     ax, ax
        mov     ss, ax
        mov     sp, BOOT_ADDRESS
        mov     ds, ax
        mov     es, ax
        cld
        sti
        mov     word [cs:tried_count], 0
        movzx   di, byte [cs:boot_first]
        mov     byte [cs:boot_first], 0
        test    di, di
        jz      .order
        dec     di
        imul    di, BOOT_ENTRY
        call    .try
        jmp     .nothing
.order: mov     al, CMOS_BOOT_FIRST
        call    cmos_read
        mov     bl, al                  ; first in bits 0-3, second in 4-7
        mov     al, CMOS_BOOT_THIRD
        call    cmos_read
        shr     al, 4
        mov     bh, al
        mov     cx, 3
.next:  mov     di, bx
        and     di, 15
        dec     di
        cmp     di, 3
        jae     .skip
        movzx   di, byte [cs:di + .cmos_devices]
        pusha
        call    .try
        popa
.skip:  shr     bx, 4
        loop    .next
        jmp     .nothing
.cmos_devices:                          ; 1 floppy, 2 disk, 3 CD, as offsets in boot_entries
        db      0, 2 * BOOT_ENTRY, BOOT_ENTRY
.nothing:
        mov     si, .failed
        call    print
        mov     di, tried
        mov     cx, [cs:tried_count]
.line:  jcxz    .wait
        mov     si, .indent
        call    print
        mov     si, [cs:di]
        call    print
        mov     si, .colon
        call    print
        mov     si, [cs:di + 2]
        call    print
        mov     al, 10
        call    print_character
        add     di, 4
        dec     cx
        jmp     .line
.wait:  mov     si, .hint
        call    print
        mov     ah, 0x10
        int     0x16
        call    boot_menu
        jmp     int19_boot
; Tries the entry DI bytes into boot_entries and notes why it did not start.
.try:   push    di
        xor     ax, ax
        mov     es, ax
        call    [cs:di + boot_entries + 2]
        pop     di
        mov     bx, [cs:tried_count]
        inc     word [cs:tried_count]
        shl     bx, 2
        mov     ax, [cs:di + boot_entries]
        mov     [cs:bx + tried], ax
        mov     [cs:bx + tried + 2], si
        ret
.failed: db "No bootable device. Tried:", 10, 0
.indent: db "  ", 0
.colon: db ": ", 0
.hint:  db 10, "Attach a disk, a floppy or a CD that starts, or press a key for the boot menu.", 10, 0

; Enters the boot sector at 0000:7C00 with drive DL.
enter_boot_sector:
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        xor     bx, bx
        mov     dh, 0
        jmp     0:BOOT_ADDRESS
