; The VGA BIOS of Vitrine's display adapter: an option ROM (PCI Firmware Specification 3.0, chapter 5) with INT 10h: text, graphics, VBE 3.0.
;
; The image is 32 KiB. Firmware copies it to C0000 and calls offset 3. Labels are offsets in segment C000. After that the memory may be
; write-protected: what changes lives in the BIOS data area and in the adapter, but for what the call itself notes down.
; The last byte makes the sum of all bytes zero; whoever assembles this puts it there.

        cpu 686
        bits 16
        org 0

%include "constants.asm"

VIDEO_ROM_BYTES equ 0x8000

rom_start:
        dw OPTION_ROM_SIGNATURE
        db VIDEO_ROM_BYTES / 512
        jmp near video_initialise
        times 0x18 - ($ - rom_start) db 0
        dw pci_data
        times 0x1e - ($ - rom_start) db 0
        db "IBM", 0                     ; where programs look for a VGA
oem_string:     db "Vitrine VGA BIOS", 0
vendor_name:    db "Vitrine", 0
product_name:   db "Vitrine display adapter", 0
product_revision: db "1.0", 0

        align 4, db 0
pci_data:
        db "PCIR"
        dw 0x1234, 0x1111               ; the adapter
        dw 0
        dw 0x18                         ; length of this structure
        db 0
        db 0, 0, 3                      ; class: a VGA
        dw VIDEO_ROM_BYTES / 512
        dw 1
        db 0                            ; for PC-AT
        db 0x80                         ; the last image
        dw 0

        align 2, db 0
adapter:        dw 0xffff               ; bus and function, noted at initialisation
adapter_balance: db 2                   ; keeps the checksum when it is

; Called by the system firmware: AX is the adapter's bus and function.
video_initialise:
        pushf
        pushad
        push    ds
        push    es
        cli
        cld
        xor     bx, bx
        mov     ds, bx
        mov     bx, [cs:adapter]
        mov     [cs:adapter], ax
        sub     bl, al
        add     bl, bh
        sub     bl, ah
        add     [cs:adapter_balance], bl
        mov     ax, cs
        shl     eax, 16
        mov     ax, int10_video
        mov     [0x10 * 4], eax
        mov     ax, font_8x16
        mov     [0x43 * 4], eax
        mov     ax, font_8x8 + 128 * 8
        mov     [0x1f * 4], eax
        mov     si, oem_string
        mov     dx, PORT_DEBUG
        mov     cx, vendor_name - oem_string - 1
        cs rep outsb
        mov     al, 10
        out     dx, al
        mov     ax, 3
        int     0x10
        pop     es
        pop     ds
        popad
        popf
        retf

%include "frame.asm"

int10_table:
        dw video_set_mode, video_cursor_shape, video_set_cursor, video_get_cursor       ; 0-3
        dw leave_service, video_set_page, video_scroll_up, video_scroll_down            ; 4-7
        dw video_read_cell, video_write_cell, video_write_character, video_cga_palette  ; 8-B
        dw video_write_pixel, video_read_pixel, video_teletype, video_get_mode          ; C-F
        dw video_palette, video_font, video_information, video_write_string             ; 10-13
INT10_LAST      equ 0x13

int10_video:
        ENTER_SERVICE
        mov     al, ah
        DISPATCH int10_table, INT10_LAST
        cmp     al, 0x4f
        je      vbe_service
        cmp     al, 0x1a
        je      video_combination
        cmp     al, 0x1b
        je      video_functionality
        cmp     al, 0x1c
        je      video_state
        jmp     leave_service

%include "refresh.asm"
%include "video-text.asm"
%include "video-draw.asm"
%include "video-modes.asm"
%include "video-palette.asm"
%include "video-font.asm"
%include "video-state.asm"
%include "vbe.asm"
%include "vbe-display.asm"
%include "vbe-modes.asm"
%include "vbe-protected.asm"
%include "fonts.asm"
        times VIDEO_ROM_BYTES - ($ - rom_start) db 0
