; How services save what the caller had, and answer.

; The saved registers from BP up, after ENTER_SERVICE.
F_EDI   equ 0
F_DI    equ 0
F_ESI   equ 4
F_SI    equ 4
F_BP    equ 8
F_EBX   equ 16
F_BX    equ 16
F_BL    equ 16
F_BH    equ 17
F_EDX   equ 20
F_DX    equ 20
F_DL    equ 20
F_DH    equ 21
F_ECX   equ 24
F_CX    equ 24
F_CL    equ 24
F_CH    equ 25
F_EAX   equ 28
F_AX    equ 28
F_AL    equ 28
F_AH    equ 29
F_ES    equ 32
F_DS    equ 34
F_FLAGS equ 40

; First thing of a service: saves all registers, BP points to them, DS becomes 0. AX, BX, CX, DX, SI, DI and ES are still the caller's.
%macro ENTER_SERVICE 0
        push    ds
        push    es
        pushad
        mov     bp, sp
        push    word 0
        pop     ds
        cld
%endmacro

; Last thing of a service.
%macro LEAVE_SERVICE 0
        mov     sp, bp
        popad
        pop     es
        pop     ds
        iret
%endmacro

; Continues at the routine of a table of (first, last, words) for the function number in AL; falls through for others.
; Changes BX.
%macro DISPATCH 2
        cmp     al, %2
        ja      %%other
        movzx   bx, al
        add     bx, bx
        jmp     [cs:bx + %1]
%%other:
%endmacro

; The ends of services: with or without the caller's carry set, AH as it is or from AH.
answer_error_ah:
        mov     [bp + F_AH], ah
answer_error:
        or      byte [bp + F_FLAGS], FLAG_CARRY
leave_service:
        LEAVE_SERVICE
answer_ok_ah0:
        mov     byte [bp + F_AH], 0
answer_ok:
        and     byte [bp + F_FLAGS], ~FLAG_CARRY & 0xff
        LEAVE_SERVICE
