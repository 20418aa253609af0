; The modes of VBE. Numbers from 100h to 11Ah are the standard's; those from 11Ch on are as SeaBIOS numbers them, which programs know.

struc VBE
.number:        resw 1
.width:         resw 1
.height:        resw 1
.depth:         resb 1                  ; bits a pixel; 15 bits lie in 16
.size:
endstruc

%macro VBE_MODE 4
        dw %1, %2, %3
        db %4
%endmacro

vbe_modes:
        VBE_MODE 0x100, 640, 400, 8
        VBE_MODE 0x101, 640, 480, 8
        VBE_MODE 0x102, 800, 600, 4
        VBE_MODE 0x103, 800, 600, 8
        VBE_MODE 0x105, 1024, 768, 8
        VBE_MODE 0x107, 1280, 1024, 8
        VBE_MODE 0x10d, 320, 200, 15
        VBE_MODE 0x10e, 320, 200, 16
        VBE_MODE 0x10f, 320, 200, 24
        VBE_MODE 0x110, 640, 480, 15
        VBE_MODE 0x111, 640, 480, 16
        VBE_MODE 0x112, 640, 480, 24
        VBE_MODE 0x113, 800, 600, 15
        VBE_MODE 0x114, 800, 600, 16
        VBE_MODE 0x115, 800, 600, 24
        VBE_MODE 0x116, 1024, 768, 15
        VBE_MODE 0x117, 1024, 768, 16
        VBE_MODE 0x118, 1024, 768, 24
        VBE_MODE 0x119, 1280, 1024, 15
        VBE_MODE 0x11a, 1280, 1024, 16
        VBE_MODE 0x11b, 1280, 1024, 24
        VBE_MODE 0x11c, 1600, 1200, 8
        VBE_MODE 0x11d, 1600, 1200, 15
        VBE_MODE 0x11e, 1600, 1200, 16
        VBE_MODE 0x11f, 1600, 1200, 24
        VBE_MODE 0x140, 320, 200, 32
        VBE_MODE 0x141, 640, 400, 32
        VBE_MODE 0x142, 640, 480, 32
        VBE_MODE 0x143, 800, 600, 32
        VBE_MODE 0x144, 1024, 768, 32
        VBE_MODE 0x145, 1280, 1024, 32
        VBE_MODE 0x146, 320, 200, 8
        VBE_MODE 0x147, 1600, 1200, 32
        VBE_MODE 0x148, 1152, 864, 8
        VBE_MODE 0x149, 1152, 864, 15
        VBE_MODE 0x14a, 1152, 864, 16
        VBE_MODE 0x14b, 1152, 864, 24
        VBE_MODE 0x14c, 1152, 864, 32
        VBE_MODE 0x175, 1280, 768, 16
        VBE_MODE 0x176, 1280, 768, 24
        VBE_MODE 0x177, 1280, 768, 32
        VBE_MODE 0x178, 1280, 800, 16
        VBE_MODE 0x179, 1280, 800, 24
        VBE_MODE 0x17a, 1280, 800, 32
        VBE_MODE 0x17b, 1280, 960, 16
        VBE_MODE 0x17c, 1280, 960, 24
        VBE_MODE 0x17d, 1280, 960, 32
        VBE_MODE 0x17e, 1440, 900, 16
        VBE_MODE 0x17f, 1440, 900, 24
        VBE_MODE 0x180, 1440, 900, 32
        VBE_MODE 0x181, 1400, 1050, 16
        VBE_MODE 0x182, 1400, 1050, 24
        VBE_MODE 0x183, 1400, 1050, 32
        VBE_MODE 0x184, 1680, 1050, 16
        VBE_MODE 0x185, 1680, 1050, 24
        VBE_MODE 0x186, 1680, 1050, 32
        VBE_MODE 0x187, 1920, 1200, 16
        VBE_MODE 0x188, 1920, 1200, 24
        VBE_MODE 0x189, 1920, 1200, 32
        VBE_MODE 0x18a, 2560, 1600, 16
        VBE_MODE 0x18b, 2560, 1600, 24
        VBE_MODE 0x18c, 2560, 1600, 32
        VBE_MODE 0x18d, 1280, 720, 16
        VBE_MODE 0x18e, 1280, 720, 24
        VBE_MODE 0x18f, 1280, 720, 32
        VBE_MODE 0x190, 1920, 1080, 16
        VBE_MODE 0x191, 1920, 1080, 24
        VBE_MODE 0x192, 1920, 1080, 32
        VBE_MODE 0x193, 1600, 900, 16
        VBE_MODE 0x194, 1600, 900, 24
        VBE_MODE 0x195, 1600, 900, 32
        VBE_MODE 0x196, 2560, 1440, 16
        VBE_MODE 0x197, 2560, 1440, 24
        VBE_MODE 0x198, 2560, 1440, 32
vbe_modes_end:
