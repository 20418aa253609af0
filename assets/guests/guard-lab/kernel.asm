; From the loader's state to processes that take turns, and the interrupts that drive them.

entry:
        cli
        cld
        mov esp, boot_stack_top
        lgdt [gdt_pointer]
        jmp CODE:.flat
.flat:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        call paging_start
        call serial_start
        call interrupts_start
        call screen_clear
        call processes_start
        call agent_start
        call draw_processes
        call menu
        call keyboard_start
        sti
.idle:  hlt
        call run_attack
        call draw_processes
        jmp .idle

; All is mapped to where it is: the first 4 MiB by pages of 4 KiB, the guard's tree by one of 4 MiB. Every entry says that it was accessed and
; written already, so the processor never writes to them, and the agent can have them protected.
paging_start:
        pusha
        mov edi, page_table
        mov eax, PAGE_ENTRY
        mov ecx, TABLE_ENTRIES
.each:  stosd
        add eax, PAGE
        loop .each
        mov dword [page_directory], page_table + TABLE_ENTRY
        mov dword [page_directory + (TREE >> DIRECTORY_SHIFT) * 4], TREE | LARGE | PAGE_ENTRY
        mov eax, cr4
        or eax, LARGE_PAGES
        mov cr4, eax
        mov eax, page_directory
        mov cr3, eax
        mov eax, cr0
        or eax, PAGING
        mov cr0, eax
        jmp .on
.on:    popa
        ret

; Gates to `ignored` for all vectors, then the few that mean something.
interrupts_start:
        pusha
        xor ecx, ecx
.each:  mov eax, ignored
        cmp ecx, 32
        jae .set
        mov eax, exception
.set:   call set_gate
        inc ecx
        cmp ecx, 256
        jb .each
        mov ecx, 13
        mov eax, protection_fault
        call set_gate
        mov ecx, VECTOR_TIMER
        mov eax, timer
        call set_gate
        mov ecx, VECTOR_KEYBOARD
        mov eax, keyboard
        call set_gate
        lidt [idt_pointer]
        mov al, 0x11                    ; ICW1: edge, cascade, ICW4
        out PIC1, al
        out PIC2, al
        mov al, VECTOR_TIMER
        out PIC1 + 1, al
        mov al, VECTOR_TIMER + 8
        out PIC2 + 1, al
        mov al, 4
        out PIC1 + 1, al
        mov al, 2
        out PIC2 + 1, al
        mov al, 1
        out PIC1 + 1, al
        out PIC2 + 1, al
        mov al, 0xfc                    ; the timer and the keyboard
        out PIC1 + 1, al
        mov al, 0xff
        out PIC2 + 1, al
        mov al, 0x34                    ; channel 0, mode 2
        out PIT + 3, al
        mov al, TICKS & 0xff
        out PIT, al
        mov al, TICKS >> 8
        out PIT, al
        popa
        ret

; A 32-bit interrupt gate for vector ECX to EAX.
set_gate:
        push edi
        lea edi, [idt + ecx * 8]
        mov [edi], ax
        mov word [edi + 2], CODE
        mov word [edi + 4], 0x8e00
        push eax
        shr eax, 16
        mov [edi + 6], ax
        pop eax
        pop edi
        ret

; The timer gives the processor to the next process: each runs for a tick on its own stack, then the main loop again.
timer:
        pusha
        mov al, END_OF_INTERRUPT
        out PIC1, al
        mov ebx, [turn]
        mov esi, [ebx + PROCESS_RUN]
        inc dword [esi + RUN_COUNT]
        mov ebx, [ebx + PROCESS_NEXT]
        mov [turn], ebx
        popa
        iret

keyboard:
        push eax
        in al, KEYBOARD
        test al, 0x80
        jnz .done
        mov [key], al
.done:  mov al, END_OF_INTERRUPT
        out PIC1, al
        pop eax
ignored:
        iret

; Keys that came before anybody listened raise no interrupt any more, and keep later ones from doing so.
keyboard_start:
        pusha
        mov ecx, 32
.each:  in al, KEYBOARD + 4
        test al, 1
        jz .done
        in al, KEYBOARD
        test al, 0x80
        jnz .next
        mov [key], al
.next:  loop .each
.done:  popa
        ret

; #GP: the guard refused a write. The attack goes on behind it.
protection_fault:
        add esp, 4                      ; the error code
        inc dword [faults]
        push eax
        mov eax, [resume_at]
        test eax, eax
        jz exception
        mov [esp + 4], eax              ; the frame's EIP
        pop eax
        iret

exception:
        cli
        mov ah, RED
        mov esi, text_exception
        call put_text
.dead:  hlt
        jmp .dead

; Three processes in a ring.
processes_start:
        mov dword [turn], process_first
        ret

; The list as the kernel walks it, row 2 on: who is not linked is not shown.
draw_processes:
        pusha
        mov dword [cursor], 3 * COLUMNS
        mov byte [quiet], 1
        mov ebx, process_first
        mov ecx, 8
.each:  mov ah, GREY
        mov esi, text_process
        call put_text
        mov eax, [ebx + PROCESS_ID]
        call put_digit
        mov ah, WHITE
        lea esi, [ebx + PROCESS_NAME]
        call put_text
        mov ah, GREY
        mov esi, text_user
        call put_text
        mov eax, [ebx + PROCESS_USER]
        call put_decimal
        mov ah, GREY
        mov esi, text_turns
        call put_text
        mov edi, [ebx + PROCESS_RUN]
        mov eax, [edi + RUN_COUNT]
        call put_decimal
        call next_row
        mov ebx, [ebx + PROCESS_NEXT]
        cmp ebx, process_first
        je .blank
        loop .each
.blank: mov ecx, 2                      ; where unlinked ones were
.clear: call next_row
        loop .clear
        mov byte [quiet], 0
        popa
        ret
