; A driver of virtio input devices, by the specification alone, for as many as there are: it looks at the slots from 00:08.0 to 00:0c.0 again and again,
; sets up what has come, says what it is, and says every event. It takes the general-purpose event of the slots, without interrupts, and ejects what it
; is asked to. On port 0xE9, a line each: "+SLOT NAME", "-SLOT", "SLOT TYPE CODE VALUE" (hexadecimal).
;
; The scheme of memory: a device of slot n has its registers at PLACE + n * 4000, its queues at QUEUES + n * 10000.

%include "driver.asm"

PLACE           equ 0xe4000000
QUEUES          equ 0x400000
RINGS           equ 0x1000              ; available and used ring of a queue, from its descriptors on
STATUS_QUEUE    equ 0x4000
BUFFERS         equ 0x8000
ENTRIES         equ 16
FIRST           equ 8
LAST            equ 12
LPC             equ 0x8000f800
PM_BASE         equ 0x600
HOT_PLUG        equ 0xcc0
GPE_BYTE        equ 2                   ; event 17
GPE_BIT         equ 2

driver:
        mov eax, LPC + 0x40             ; PMBASE, and ACPI enabled
        mov ebx, PM_BASE + 1
        call pci_write
        mov eax, LPC + 0x44
        mov ebx, 0x80
        call pci_write
        mov dx, PM_BASE + 4             ; SCI_EN
        mov ax, 1
        out dx, ax
        mov dx, PM_BASE + 0x28 + GPE_BYTE
        mov al, GPE_BIT
        out dx, al
        mov edi, FIRST
.cold:  call arrive                     ; what is there from the start
        inc edi
        cmp edi, LAST
        jbe .cold
        mov esi, text_ready
        call say
watch:
        mov dx, PM_BASE + 0x20 + GPE_BYTE
        in al, dx
        test al, GPE_BIT
        jz .events
        mov al, GPE_BIT                 ; first: what comes meanwhile sets it again
        out dx, al
        mov dx, HOT_PLUG
        in eax, dx
        mov ebp, eax
        mov edi, FIRST
.came:  bt ebp, edi
        jnc .next
        call arrive
.next:  inc edi
        cmp edi, LAST
        jbe .came
        mov dx, HOT_PLUG + 4
        in eax, dx
        mov ebp, eax
        mov edi, FIRST
.goes:  bt ebp, edi
        jnc .stays
        call drain                      ; what it let go of
        call leave
.stays: inc edi
        cmp edi, LAST
        jbe .goes
.events:
        mov edi, FIRST
.each:  call drain
        inc edi
        cmp edi, LAST
        jbe .each
        pause
        jmp watch

; EAX = configuration word ECX of slot EDI.
address:
        mov eax, edi
        shl eax, 11
        add eax, ecx
        or eax, 0x80000000
        ret

; ESI = the registers of slot EDI, EBX = its queues.
places:
        mov esi, edi
        shl esi, 14
        add esi, PLACE
        mov ebx, edi
        shl ebx, 16
        add ebx, QUEUES
        ret

; The device of slot EDI, if there is one, gets its place and its queues, and is named.
arrive:
        pusha
        xor ecx, ecx
        call address
        call pci_read
        cmp eax, 0x10521af4
        jne .done
        call places
        push ebx
        mov ebx, esi
        mov ecx, 0x20
        call address
        call pci_write
        mov ecx, 4
        call address
        mov ebx, 6
        call pci_write
        pop ebx
        mov byte [esi + 0x14], 0
        mov byte [esi + 0x14], 3
        mov dword [esi + 0x08], 1
        mov dword [esi + 0x0c], 1       ; version 1
        mov byte [esi + 0x14], 11
        test byte [esi + 0x14], 8
        jz broken
        push edi                        ; all rings empty
        mov edi, ebx
        mov ecx, BUFFERS / 4
        xor eax, eax
        rep stosd
        pop edi
        xor ecx, ecx
.queue: mov [esi + 0x16], cx
        mov word [esi + 0x18], ENTRIES
        mov eax, ecx
        imul eax, STATUS_QUEUE
        add eax, ebx
        mov [esi + 0x20], eax
        add eax, RINGS
        mov [esi + 0x28], eax
        add eax, RINGS
        mov [esi + 0x30], eax
        mov word [esi + 0x1c], 1
        inc ecx
        cmp ecx, 2
        jb .queue
        mov dword [seen + edi * 4], 0
        xor ecx, ecx                    ; buffers of 8 bytes for events
.buffer:
        mov eax, ecx
        shl eax, 4
        lea edx, [ebx + BUFFERS + ecx * 8]
        mov [ebx + eax], edx
        mov dword [ebx + eax + 8], 8
        mov dword [ebx + eax + 12], 2
        mov [ebx + RINGS + 4 + ecx * 2], cx
        inc ecx
        cmp ecx, ENTRIES
        jb .buffer
        mov byte [esi + 0x14], 15
        mov word [ebx + RINGS + 2], ENTRIES
        mov word [esi + 0x3000], 0
        mov byte [there + edi], 1
        mov al, '+'
        out 0xe9, al
        mov eax, edi
        call number
        mov al, ' '
        out 0xe9, al
        mov byte [esi + 0x2000], 1      ; ID_NAME
        mov byte [esi + 0x2001], 0
        movzx ecx, byte [esi + 0x2002]
        xor edx, edx
.letter:
        mov al, [esi + 0x2008 + edx]
        out 0xe9, al
        inc edx
        cmp edx, ecx
        jb .letter
        mov al, 10
        out 0xe9, al
.done:  popa
        ret

; Ejects the device of slot EDI.
leave:
        pusha
        mov byte [there + edi], 0
        mov al, '-'
        out 0xe9, al
        mov eax, edi
        call number
        mov al, 10
        out 0xe9, al
        call places
        mov byte [esi + 0x14], 0
        mov ecx, edi
        mov eax, 1
        shl eax, cl
        mov dx, HOT_PLUG + 8
        out dx, eax
        ; What takes its place has come by now.
        popa
        ret

; Says the events of slot EDI, and gives their buffers back.
drain:
        pusha
        cmp byte [there + edi], 0
        je .done
        call places
        test byte [esi + 0x14], 0x40
        jnz broken
.next:  mov eax, [seen + edi * 4]
        cmp [ebx + 2 * RINGS + 2], ax
        je .done
        and eax, ENTRIES - 1
        mov ecx, [ebx + 2 * RINGS + 4 + eax * 8]
        mov eax, edi
        call number
        movzx eax, word [ebx + BUFFERS + ecx * 8]
        call spaced
        movzx eax, word [ebx + BUFFERS + ecx * 8 + 2]
        call spaced
        mov eax, [ebx + BUFFERS + ecx * 8 + 4]
        call spaced
        mov al, 10
        out 0xe9, al
        movzx eax, word [ebx + RINGS + 2]
        and eax, ENTRIES - 1
        mov [ebx + RINGS + 4 + eax * 2], cx
        inc word [ebx + RINGS + 2]
        inc word [seen + edi * 4]
        mov word [esi + 0x3000], 0
        jmp .next
.done:  popa
        ret

spaced: push eax
        mov al, ' '
        out 0xe9, al
        pop eax
; EAX in hexadecimal without leading zeros.
number: pusha
        mov ebx, 16
        xor ecx, ecx
.digit: xor edx, edx
        div ebx
        push edx
        inc ecx
        test eax, eax
        jnz .digit
.put:   pop eax
        mov al, [hexadecimal + eax]
        out 0xe9, al
        loop .put
        popa
        ret

hexadecimal     db '0123456789abcdef'
text_ready      db 'ready', 10, 0
there           times 16 db 0
                align 4
seen            times 16 dd 0
end_of_file:
