; The console fonts of assets/fonts, 256 glyphs each in code page 437; made into binary files by what assembles this.
        align 16, db 0
font_8x16:      incbin "font-8x16.bin"
font_8x14:      incbin "font-8x14.bin"
font_8x8:       incbin "font-8x8.bin"
