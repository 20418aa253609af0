; The display adapter's option ROM: from the adapter, else, for the board's own adapter without one, from this image.

OWN_ADAPTER     equ 0x11111234          ; vendor and device

video_set_up:
        mov     bx, [cs:vga_function]
        cmp     bx, -1
        je      .end                    ; no display: INT 10h does nothing
        mov     di, CONFIG_ROM
        call    pci_read32
        and     eax, 0xfffff800
        jz      .own
        or      al, 1
        call    pci_write32             ; decoded while it is copied
        call    copy_option_rom
        pushf
        mov     bx, [cs:vga_function]
        mov     di, CONFIG_ROM
        call    pci_read32
        and     al, 0xfe
        call    pci_write32
        popf
        je      .start
.own:   xor     di, di
        call    pci_read32
        cmp     eax, OWN_ADAPTER
        jne     .end
        mov     ax, TABLES_SEGMENT
        mov     ds, ax
        mov     ax, VIDEO_ROM_SEGMENT
        mov     es, ax
        mov     si, video_rom - (TABLES_SEGMENT << 4)
        xor     di, di
        mov     cx, (video_rom_end - video_rom) / 4
        rep movsd
.start: mov     ax, [cs:vga_function]   ; PCI Firmware Specification 3.0, 5.2.1.2: AX is the function
        call    VIDEO_ROM_SEGMENT:3
        cld
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
.end:   ret

; Copies the ROM at EAX (bit 0 set) to C0000. Zero flag: it is one. Changes all but SP.
copy_option_rom:
        mov     esi, eax
        and     si, 0xf800
        cli
        call    enter_flat
        mov     eax, [dword esi]
        cmp     ax, OPTION_ROM_SIGNATURE
        jne     .end
        shr     eax, 16
        movzx   ecx, al
        shl     ecx, 7                  ; 512 bytes are 128 words of 32 bits
        mov     edi, VIDEO_ROM_SEGMENT << 4
        a32 rep movsd
        xor     ax, ax                  ; zero flag
.end:   pushf
        call    leave_flat
        popf
        ret
