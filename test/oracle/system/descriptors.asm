; Every access byte in the descriptor TESTED, used in every way a selector can be. Index: access byte + 256 * way.
name_descriptors db 'descriptor', 0

run_descriptors:
        ; The type tells whose base makes sense.
        mov ebx, 0x0000ffff
        mov ecx, 0x00cf0000
        test al, 0x10
        jnz .memory
        mov ebx, (TSS_B & 0xffff) << 16 | 0x67
        mov ecx, TSS_B >> 16
        test al, 8
        jnz .memory
        mov ebx, (TSS_C & 0xffff) << 16 | 0x2b
.memory:
        mov ch, al
        mov [GDT + TESTED], ebx
        mov [GDT + TESTED + 4], ecx
        movzx ecx, ah
        jmp [ways + ecx * 4]

ways:
        dd way_ds0, way_es0, way_ds3, way_fs3, way_ss0, way_ss0_3, way_ss3, way_ss3_0
        dd way_jump0, way_jump3, way_call0, way_call3, way_retf0, way_retf03, way_retf3, way_iret0
        dd way_iret03, way_iret3, way_verify0, way_verify3, way_verify30, way_lldt, way_ltr, way_les3

way_ds0:
        mov ebx, TESTED
        mov ds, ebx
        int END
way_es0:
        push dword TESTED | 3
        pop es
        int END
way_ds3:
        user .at
.at:    mov ebx, TESTED | 3
        mov ds, ebx
        int END
way_fs3:
        user .at
.at:    mov ebx, TESTED
        mov fs, ebx
        int END
way_ss0:
        mov ebx, TESTED
        mov ecx, DATA0
        mov ss, ebx
        mov ss, ecx
        int END
way_ss0_3:
        mov ebx, TESTED | 3
        mov ecx, DATA0
        mov ss, ebx
        mov ss, ecx
        int END
way_ss3:
        user .at
.at:    mov ebx, TESTED | 3
        mov ss, ebx
        int END
way_ss3_0:
        user .at
.at:    mov ebx, TESTED
        mov ss, ebx
        int END
way_jump0:
        jmp TESTED:land
way_jump3:
        user .at
.at:    jmp TESTED | 3:land
way_call0:
        call TESTED:land
way_call3:
        user .at
.at:    call TESTED | 3:land
way_retf0:
        push dword TESTED
        push dword land
        retf
way_retf03:
        push dword DATA3
        push dword USER_STACK
        push dword TESTED | 3
        push dword land
        retf
way_retf3:
        user .at
.at:    push dword TESTED | 3
        push dword land
        retf
way_iret0:
        push dword 2
        push dword TESTED
        push dword land
        iretd
way_iret03:
        push dword DATA3
        push dword USER_STACK
        push dword 2
        push dword TESTED | 3
        push dword land
        iretd
way_iret3:
        user .at
.at:    push dword 2
        push dword TESTED | 3
        push dword land
        iretd

; LAR, LSL, VERR, VERW one after the other; EBX and EDX keep results, ESI collects ZF.
%macro verify 1
        mov ecx, %1
        mov ebx, 0x12345678
        mov edx, ebx
        lar ebx, ecx
        setz al
        lsl edx, ecx
        setz ah
        movzx esi, ax
        verr cx
        setz al
        verw cx
        setz ah
        movzx edi, ax
        push dword 2
        popfd
        int END
%endmacro

way_verify0:
        verify TESTED
way_verify3:
        user .at
.at:    verify TESTED | 3
way_verify30:
        user .at
.at:    verify TESTED
way_lldt:
        mov ebx, TESTED
        lldt bx
        int END
way_ltr:
        mov ebx, TESTED
        ltr bx
        int END
way_les3:
        mov dword [DATA], 0x12345678
        mov word [DATA + 4], TESTED | 3
        user .at
.at:    mov ecx, DATA3
        mov ds, ecx
        les esi, [DATA]
        int END
