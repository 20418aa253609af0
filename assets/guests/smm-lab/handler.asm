; Code that runs in System Management Mode: 16-bit, every segment from 0 to 4 GiB but CS, whose base is SMBASE.

        bits 16

; mover: moves SMBASE. Runs at the old one.
mover:
        mov ebx, [dword APIC_ID]
        shr ebx, 24
        imul ebx, ebx, SLOT
        add ebx, SMRAM
        xor eax, eax
        mov ax, cs                      ; SMBASE / 16
        shl eax, 4
        cmp word [eax + REVISION], WIDE_REVISION
        je .wide
        mov [eax + SAVED_SMBASE], ebx
        jmp .done
.wide:
        mov [eax + SAVED_SMBASE_WIDE], ebx
.done:
        lock inc dword [dword moved]
        rsm
mover_end:

; handler: counts, looks after the secrets, and ends the SMI of the chipset. RSM restores every register.
handler:
        mov ebx, [dword APIC_ID]
        shr ebx, 24
        shl ebx, CPU_SHIFT
        add ebx, CPUS
        inc dword [ebx + Processor.taken]
        mov esi, SECRETS
        mov cx, SECRET_COUNT
.next:
        cmp dword [esi], SECRET
        jne .spoiled
.sound:
        add esi, 4
        dec cx
        jnz .next
        mov dx, [dword pm_base]
        add dx, SMI_STATUS
        in eax, dx
        test al, APM_SMI
        jz .done
        out dx, eax                     ; written ones clear
        sub dx, SMI_STATUS - SMI_ENABLE
        in eax, dx
        or al, END_OF_SMI
        out dx, eax
.done:
        rsm
.spoiled:
        inc dword [ebx + Processor.spoiled]
        mov dword [esi], SECRET
        jmp .sound
handler_end:

        bits 32

; bait: lies in SMRAM, and tells who called it.
bait:
        mov eax, STOLEN
        ret
bait_end:
