; The agent: has the guard protect the kernel's tables, those of its pages as well, its text and its processes, seals that, and reads alerts. To be copied from.

; protect ACTION, first byte, byte behind the last: whole pages.
%macro protect 3
        mov edx, %1
        mov ebx, %2
        mov ecx, %3
        call agent_protect
%endmacro

agent_start:
        pusha
        mov eax, 1                      ; does anybody listen? (leaf 1, ECX bit 31)
        cpuid
        test ecx, ecx
        jns .nobody
        mov eax, 0x40000000
        cpuid
        cmp ebx, 'Vitr'
        jne .nobody
        cmp ecx, 'ineG'
        jne .nobody
        cmp edx, 'uard'
        jne .nobody

        mov eax, CALL_REGISTER
        mov ecx, 'guar'
        mov edx, 'd-la'
        mov esi, 'b'
        xor edi, edi
        vmcall
        protect ACTION_DENY, idt, idt_end
        protect ACTION_DENY, processes, processes_end
        protect ACTION_DENY, page_directory, page_tables_end
        protect ACTION_FAULT, text_start, text_end
        mov eax, CALL_SEAL              ; an attacker could call as well
        vmcall
        test eax, eax
        jnz .failed

        mov eax, CALL_QUERY
        vmcall
        mov [next_alert], edi
        mov [pages_protected], esi
        mov ah, GREEN
        mov esi, text_protected
        call put_text
        mov eax, [pages_protected]
        call put_decimal
        mov ah, GREEN
        mov esi, text_pages
        call put_text
        popa
        ret
.nobody:
        mov ah, RED
        mov esi, text_nobody
        call put_text
        popa
        ret
.failed:
        mov ah, RED
        mov esi, text_refused
        call put_text
        popa
        ret

; Protects the pages from EBX to before ECX with action EDX.
agent_protect:
        sub ecx, ebx
        add ecx, PAGE - 1
        shr ecx, PAGE_SHIFT
        shr ebx, PAGE_SHIFT
        mov eax, CALL_PROTECT
        vmcall
        test eax, eax
        jz .done
        mov ah, RED
        mov esi, text_refused
        call put_text
.done:  ret

; Tells of all alerts since the last time. Returns EBX: how many.
agent_report:
        push eax
        push ecx
        push edx
        push esi
        push edi
        push dword 0
.each:  mov eax, CALL_ALERT
        mov ebx, [next_alert]
        vmcall
        test eax, eax
        jnz .done
        inc dword [esp]
        inc ebx
        mov [next_alert], ebx
        mov [alert_writer], esi
        mov [alert_kind], edx
        mov ah, YELLOW
        mov esi, text_alert
        cmp dl, KIND_TREE
        jne .name
        mov esi, text_tree_alert
.name:  call put_text
        mov eax, ecx
        call put_hex
        mov ah, YELLOW
        mov esi, text_by
        call put_text
        mov eax, [alert_writer]
        call put_hex
        mov ah, GREEN
        mov esi, text_dropped
        mov al, [alert_kind + 2]
        cmp al, OUTCOME_DROPPED
        je .outcome
        mov esi, text_fault
        cmp al, OUTCOME_REFUSED
        je .outcome
        mov ah, RED
        mov esi, text_made
.outcome:
        call put_text
        jmp .each
.done:  pop ebx
        pop edi
        pop esi
        pop edx
        pop ecx
        pop eax
        ret
