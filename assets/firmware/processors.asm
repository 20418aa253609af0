; Starts the other processors, counts them, and leaves them halted with interrupts off; completes the MP tables (MultiProcessor
; Specification 1.4).

CMOS_PROCESSORS equ 0x5f                ; how many there are besides the first
APIC_COMMAND    equ LOCAL_APIC_BASE + 0x300
AP_PAGE         equ 6                   ; where they start: RAM that nobody uses during POST
AP_ADDRESS      equ AP_PAGE << 12
IPI_OTHERS_INIT equ 0xc4500
IPI_OTHERS_START equ 0xc4600 | AP_PAGE
TEN_MILLISECONDS equ 663                ; in refreshes
PATIENCE        equ 10000               ; milliseconds until a processor that should be there is given up

MAXIMUM_PROCESSORS equ 16

; DS = 0, interrupts on or off. Changes all but SP.
start_processors:
        test    byte [cs:cpu_features + 1], 1 << 1
        jz      .end
        movzx   ax, byte [cs:boot_apic_id]
        bts     [cs:processors], ax
        mov     al, CMOS_PROCESSORS
        call    cmos_read
        mov     [cs:processors_missing], al
        test    al, al
        jz      .end
        mov     byte [AP_ADDRESS], 0xfa         ; cli
        mov     byte [AP_ADDRESS + 1], 0xea     ; jmp BIOS_SEGMENT:processor_arrived
        mov     word [AP_ADDRESS + 2], processor_arrived
        mov     word [AP_ADDRESS + 4], BIOS_SEGMENT
        mov     ebx, IPI_OTHERS_INIT
        call    .send
        mov     ecx, TEN_MILLISECONDS
        call    wait_refreshes
        mov     ebx, IPI_OTHERS_START
        call    .send
        mov     ecx, 14                         ; 200 us
        call    wait_refreshes
        call    .send
        mov     dx, PATIENCE
.wait:  cmp     byte [cs:processors_missing], 0
        jle     .end
        mov     ecx, 66
        call    wait_refreshes
        dec     dx
        jnz     .wait
.end:   ret
; The interrupt command EBX. Changes AX.
.send:  pushf
        cli
        call    enter_flat
        mov     [dword APIC_COMMAND], ebx
        call    leave_flat
        popf
        ret

; Real mode, no stack, interrupts off, on each of the other processors: says that it is there, and halts until an OS starts it again.
processor_arrived:
        mov     eax, 1
        cpuid
        shr     ebx, 24
        cmp     bx, MAXIMUM_PROCESSORS
        jae     .halt
        lock bts [cs:processors], bx
        lock dec byte [cs:processors_missing]
.halt:  hlt
        jmp     .halt

MP_CONFIGURATION_AT equ mp_configuration - 0xe0000
MP_PROCESSORS_AT equ mp_processors - 0xe0000
MP_FLOATING_SIZE equ 16

; Lists the processors that came in the MADT, and marks them in the MP tables; without an I/O APIC there are no MP tables. ES = TABLES_SEGMENT.
; Carry as from io_apic_answers.
list_processors:
        xor     bx, bx
        mov     di, MADT_PROCESSORS_AT
        mov     si, MP_PROCESSORS_AT
.next:  bt      [cs:processors], bx
        jnc     .absent
        mov     word [es:di], 8 << 8            ; a local APIC: 8 bytes
        mov     [es:di + 2], bl                 ; processor and APIC identifier
        mov     [es:di + 3], bl
        mov     dword [es:di + 4], 1            ; enabled
        add     di, 8
        or      byte [es:si + 3], 1
        cmp     bl, [cs:boot_apic_id]
        jne     .known
        or      byte [es:si + 3], 2             ; the bootstrap processor
.known: mov     eax, [cs:cpu_features]
        mov     [es:si + 8], eax
        mov     eax, [cs:cpu_signature]
        mov     [es:si + 4], eax
.absent:
        add     si, 20
        inc     bx
        cmp     bx, MAXIMUM_PROCESSORS
        jb      .next
        sub     di, MADT_AT
        mov     [es:MADT_AT + 4], di            ; the table ends behind the last
        mov     di, MP_CONFIGURATION_AT
        mov     cx, [es:di + 4]
        mov     bx, 7
        call    set_checksum
        call    io_apic_answers
        jc      .none
        push    es
        push    cs
        pop     es
        mov     di, mp_floating
        mov     dword [es:di], "_MP_"
        mov     cx, MP_FLOATING_SIZE
        mov     bx, 10
        call    set_checksum
        pop     es
        clc
.none:  ret

        align 16, db 0
; Found by its signature, which list_processors writes.
mp_floating:
        dd      0
        dd      mp_configuration
        db      1, 4, 0                 ; 16 bytes, version 1.4, checksum
        db      0, 0, 0, 0, 0           ; a configuration table is there; no IMCR
