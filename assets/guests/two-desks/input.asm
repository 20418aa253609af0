; Where the pointer, the fingers and the pen are: lines across the output, a ring each, and a small one. All are drawn by inverting, so drawing again takes them away.

; Everything is drawn anew below: what was shown on it is gone.
input_gone:
        push ecx
        call input_toggle               ; outputs that stay as they are keep none of it
        mov ecx, MARKS
.each:  mov dword [shown + ecx * 4 - 4], 0
        loop .each
        pop ecx
        mov byte [touched], 1
        ret

input_changed:
        pusha
        call input_toggle
        call input_read
        call input_toggle
        ; The registers say it all: events have nothing more to tell.
        mov ebx, [registers]
        mov eax, [ebx + EVENT_COUNT]
        mov [ebx + EVENT_COUNT], eax
        popa
        ret

; What is there now: `shown` 1 or 0, output, place; the pointer first.
input_read:
        pusha
        mov ebx, [registers]
        mov eax, [ebx + INPUT_DEVICES]
        shr eax, 2
        and eax, 1
        ; A pointer that has not moved yet is nowhere.
        mov ecx, [ebx + POINTER_X]
        or ecx, [ebx + POINTER_Y]
        jnz .moved
        xor eax, eax
.moved: mov [shown], eax
        mov eax, [ebx + POINTER_OUTPUT]
        mov [shown_output], eax
        mov eax, [ebx + POINTER_X]
        mov [shown_x], eax
        mov eax, [ebx + POINTER_Y]
        mov [shown_y], eax
        mov eax, [ebx + POINTER_BUTTONS]
        mov [shown_buttons], eax
        xor ecx, ecx
        add ebx, CONTACTS
.each:  mov eax, [ebx]
        mov [shown + 4 + ecx * 4], eax
        mov eax, [ebx + 4]
        mov [shown_output + 4 + ecx * 4], eax
        mov eax, [ebx + 8]
        mov [shown_x + 4 + ecx * 4], eax
        mov eax, [ebx + 12]
        mov [shown_y + 4 + ecx * 4], eax
        add ebx, 16
        inc ecx
        cmp ecx, FINGERS
        jb .each
        mov ebx, [registers]
        mov eax, [ebx + PEN_STATE]
        mov [shown_pen], eax
        and eax, PEN_NEAR
        mov [shown + PEN * 4], eax
        mov eax, [ebx + PEN_OUTPUT]
        mov [shown_output + PEN * 4], eax
        mov eax, [ebx + PEN_X]
        mov [shown_x + PEN * 4], eax
        mov eax, [ebx + PEN_Y]
        mov [shown_y + PEN * 4], eax
        popa
        ret

; Draws all that `shown` says, or takes it away.
input_toggle:
        pusha
        mov byte [inverting], 1
        mov dword [colour], 0xffffff
        xor edi, edi
.each:  cmp dword [shown + edi * 4], 0
        je .next
        mov ecx, [shown_output + edi * 4]
        call output_select
        jc .next
        mov eax, [shown_x + edi * 4]
        mov ebx, [shown_y + edi * 4]
        cmp edi, PEN
        je .pen
        test edi, edi
        jnz .finger
        call cross
        cmp dword [shown_buttons], 0
        je .next
.finger:
        mov ecx, RING
        call circle
        mov ecx, RING - 3
        call circle
        jmp .next
.pen:   mov ecx, NIB
        call circle
        test byte [shown_pen], PEN_TIP
        jz .next
        mov ecx, NIB - 3
        call circle
.next:  inc edi
        cmp edi, MARKS
        jb .each
        mov byte [inverting], 0
        popa
        ret

; Lines through EAX, EBX from edge to edge.
cross:
        pusha
        push ebx
        xor ebx, ebx
        mov ecx, 1
        mov edx, [height]
        call fill
        pop ebx
        xor eax, eax
        mov ecx, [width]
        mov edx, 1
        call fill
        popa
        ret

; Names of the input devices that the session has, to EDI, which moves on.
put_input:
        push eax
        push ebx
        push ecx
        push edx
        push esi
        mov ebx, [registers]
        mov ecx, [ebx + INPUT_DEVICES]
        mov edx, edi
        mov esi, word_keyboard
        test cl, HAS_KEYBOARD
        call .name
        mov esi, word_mouse
        test cl, HAS_MOUSE
        call .name
        mov esi, word_pointer
        test cl, HAS_POINTER
        call .name
        mov esi, word_touch
        test cl, HAS_TOUCH
        call .name
        test cl, HAS_TOUCH
        jz .pen
        mov eax, [ebx + TOUCH_POINTS]
        call put_number
.pen:   mov esi, word_pen
        test cl, HAS_PEN
        call .name
        cmp edi, edx
        jne .done
        mov esi, word_no_input
        call put_text
.done:  pop esi
        pop edx
        pop ecx
        pop ebx
        pop eax
        ret
; The name at ESI, unless the flags say zero; a comma in front unless it is the first.
.name:  jz .none
        cmp edi, edx
        je .first
        push esi
        mov esi, word_comma
        call put_text
        pop esi
.first: call put_text
.none:  ret
