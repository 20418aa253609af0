; The attacker: it runs in the kernel, as rootkits do. Each attack is a routine that says in EDI which word it went for and in EAX what it wanted there;
; run_attack looks afterwards whether it got it.

; Does what the last key asked for.
run_attack:
        pusha
        xor eax, eax
        xchg al, [key]
        cmp al, 0x10                    ; q
        je power_off
        cmp al, 0x1e                    ; a
        je .all
        sub al, 2                       ; the key 1
        cmp al, attack_count
        jae .done
        call attack
        jmp .done
.all:   xor eax, eax
.next:  push eax
        call attack
        pop eax
        inc eax
        cmp eax, attack_count
        jb .next
.done:  popa
        ret

; Attack EAX, counted from 0.
attack:
        pusha
        mov ebp, eax
        call log_row
        mov ah, WHITE
        mov esi, [attack_names + ebp * 4]
        call put_text
        mov dword [resume_at], .behind
        mov [stack_at], esp
        xor edi, edi
        call [attack_routines + ebp * 4]
.behind:
        mov esp, [stack_at]             ; a refused write leaves the attack where it was
        mov dword [resume_at], 0
        call agent_report
        mov edi, [target]
        mov eax, [wanted]
        cmp [edi], eax
        jne .held
        mov ah, RED
        mov esi, text_lost
        call put_text
        jmp .end
.held:  mov ah, GREEN
        mov esi, text_held
        call put_text
        test ebx, ebx
        jnz .end
        mov ah, RED
        mov esi, text_unseen
        call put_text
.end:   call line_end
        popa
        ret

; Writes EAX to EDI, having noted both.
strike:
        mov [target], edi
        mov [wanted], eax
        mov [edi], eax
        ret

; 1: the gate of vector 0x80 leads to the attacker.
patch_idt:
        mov edi, idt + 8 * 0x80
        mov eax, (CODE << 16) | (patch_idt - text_start)
        jmp strike

; 2: the list leads past a process.
unlink_process:
        mov edi, process_first + PROCESS_NEXT
        mov eax, process_third
        jmp strike

; 3: a process becomes the superuser's.
change_user:
        mov edi, process_second + PROCESS_USER
        xor eax, eax
        jmp strike

; 4: kernel text: the scheduler becomes a return. A string instruction, for once.
patch_text:
        mov edi, timer
        mov [target], edi
        mov eax, 0xc3c3c3c3
        mov [wanted], eax
        mov ecx, 1
        rep stosd
        ret

; 5: the entry of the first listed page in a leaf is taken out.
corrupt_leaf:
        mov eax, USED | LISTED
        mov edx, USED | LISTED
        call find_entry
        jc no_node
        xor eax, eax
        jmp strike

; 6: the root's first entry is taken out.
corrupt_root:
        mov eax, USED | LEVEL_ONE
        mov edx, 0xff
        call find_entry
        jc no_node
        xor eax, eax
        jmp strike

; 7: a pointer of the node between them leads to a page of the attacker.
corrupt_pointer:
        mov eax, USED
        mov edx, 0xff
        call find_entry
        jc no_node
        add edi, 4
        mov eax, fake_leaf
        shr eax, PAGE_SHIFT
        jmp strike

; 8: the page of the processes becomes one of the attacker: none of theirs is written for that, but the page table is.
remap_processes:
        mov edi, processes
        shr edi, PAGE_SHIFT
        lea edi, [page_table + edi * 4]
        mov eax, fake_leaf + PAGE_ENTRY
        jmp strike

; Nothing to strike at: what is looked at afterwards has not been changed.
no_node:
        mov dword [target], fake_leaf
        mov dword [wanted], -1
        ret

; The first entry of the tree whose word 0, masked with EDX, is EAX: its address in EDI, or carry. The guard itself says which pages are nodes.
find_entry:
        push ecx
        push ebx
        mov [want_entry], eax
        mov edi, TREE
.page:  mov eax, CALL_LOOK
        mov ebx, edi
        shr ebx, PAGE_SHIFT
        push edx
        vmcall
        pop edx
        cmp ebx, FOUND_NODE
        jne .over
        xor ecx, ecx
.entry: mov eax, [edi + ecx * 8]
        test al, USED
        jz .skip
        and eax, edx
        cmp eax, [want_entry]
        jne .over                       ; another kind of node
        lea edi, [edi + ecx * 8]
        clc
        jmp .done
.skip:  inc ecx
        cmp ecx, ENTRIES
        jb .entry
.over:  add edi, PAGE
        cmp edi, TREE + TREE_PAGES * PAGE
        jb .page
        stc
.done:  pop ebx
        pop ecx
        ret

; The debug exit, with 0: the machine goes off.
power_off:
        mov ah, WHITE
        mov esi, text_bye
        call put_text
        mov al, 0
        out 0xf4, al
.wait:  hlt
        jmp .wait
