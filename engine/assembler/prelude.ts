/**
 * What NASM's standard macros do (manual, 4.11 and 7): the user-level forms of directives, structures, alignment.
 * Written in the assembler's own language; it is read before every program and never shows in the listing.
 */
export const prelude = `
%define __?NASM_MAJOR?__ 2
%define __?NASM_MINOR?__ 16
%define __?NASM_SUBMINOR?__ 1
%define __?NASM_PATCHLEVEL?__ 0
%define __?NASM_VERSION_ID?__ 002100100h
%define __?NASM_VER?__ '2.16.01'
%define __?OUTPUT_FORMAT?__ bin
%define __?SECT?__ [section .text]
%define __SECT__ __?SECT?__
%define __NASM_MAJOR__ __?NASM_MAJOR?__
%define __NASM_MINOR__ __?NASM_MINOR?__
%define __NASM_SUBMINOR__ __?NASM_SUBMINOR?__
%define __NASM_PATCHLEVEL__ __?NASM_PATCHLEVEL?__
%define __NASM_VERSION_ID__ __?NASM_VERSION_ID?__
%define __NASM_VER__ __?NASM_VER?__
%define __OUTPUT_FORMAT__ __?OUTPUT_FORMAT?__
%imacro section 1+.nolist
%xdefine __?SECT?__ [section %1]
__?SECT?__
%endmacro
%imacro segment 1+.nolist
%xdefine __?SECT?__ [section %1]
__?SECT?__
%endmacro
%imacro absolute 1+.nolist
%xdefine __?SECT?__ [absolute %1]
__?SECT?__
%endmacro
%imacro org 1+.nolist
[org %1]
%endmacro
%imacro bits 1+.nolist
[bits %1]
%endmacro
%imacro use16 0.nolist
[bits 16]
%endmacro
%imacro use32 0.nolist
[bits 32]
%endmacro
%imacro use64 0.nolist
[bits 64]
%endmacro
%imacro cpu 1+.nolist
[cpu %1]
%endmacro
%imacro default 1+.nolist
[default %1]
%endmacro
%imacro global 1-*.nolist
%rep %0
[global %1]
%rotate 1
%endrep
%endmacro
%imacro static 1-*.nolist
%rep %0
[static %1]
%rotate 1
%endrep
%endmacro
%imacro extern 1-*.nolist
%rep %0
[extern %1]
%rotate 1
%endrep
%endmacro
%imacro required 1-*.nolist
%rep %0
[extern %1]
%rotate 1
%endrep
%endmacro
%imacro common 1-*.nolist
%rep %0
[common %1]
%rotate 1
%endrep
%endmacro
%imacro float 1+.nolist
[float %1]
%endmacro
%imacro align 1-2+.nolist nop
times (((%1) - (($-$$) % (%1))) % (%1)) %2
[sectalign %1]
%endmacro
%imacro alignb 1-2+.nolist resb 1
times (((%1) - (($-$$) % (%1))) % (%1)) %2
[sectalign %1]
%endmacro
%imacro sectalign 1.nolist
[sectalign %1]
%endmacro
%imacro struc 1-2.nolist 0
%push struc
%define %$strucname %1
[absolute %2]
%$strucname:
%endmacro
%imacro endstruc 0.nolist
%{$strucname}_size equ ($-%$strucname)
%pop struc
__?SECT?__
%endmacro
%imacro istruc 1.nolist
%push istruc
%define %$strucname %1
%$strucstart:
%endmacro
%imacro at 1-2+.nolist
%defstr %$member %1
%substr %$first %$member 1
%ifidn %$first,'.'
times (%{$strucname}%1-%$strucname)-($-%$strucstart) db 0
%else
times (%1-%$strucname)-($-%$strucstart) db 0
%endif
%2
%endmacro
%imacro iend 0.nolist
times %{$strucname}_size-($-%$strucstart) db 0
%pop istruc
%endmacro
`;
