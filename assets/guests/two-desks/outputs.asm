; What each output is now, a place for its frame, and its card.

; Outputs with even numbers have their frames from the bottom of the memory up, the others from its top down: so two windows do not move each other's.
outputs_changed:
        pusha
        call input_gone
        mov dword [low_end], 0
        mov eax, [memory_bytes]
        mov [high_end], eax
        ; Each card names the input devices.
        mov ebx, [registers]
        mov eax, [ebx + INPUT_GENERATION]
        xor edx, edx
        cmp eax, [drawn_input]
        je .same
        mov [drawn_input], eax
        inc edx
        mov ecx, OUTPUTS
.stale: dec dword [drawn_generation + ecx * 4 - 4]
        loop .stale
.same:  xor ecx, ecx
.each:  call output_look
        inc ecx
        cmp ecx, OUTPUTS
        jb .each
        test edx, edx
        jz .told
        call report_input
.told:  call report
        popa
        ret

; Draws output ECX if it is not as it was drawn.
output_look:
        pusha
        mov ebx, ecx
        imul ebx, OUTPUT_SPACE
        add ebx, OUTPUT_SPACE
        add ebx, [registers]
        mov [output], ebx
        mov [output_number], ecx
        mov esi, [ebx + OUTPUT_GENERATION]
        mov eax, [ebx + OUTPUT_WIDTH]
        mov [width], eax
        test eax, eax
        jz .off
        lea edx, [eax * 4]
        mov [stride], edx
        mov eax, [ebx + OUTPUT_HEIGHT]
        mov [height], eax
        mul edx                         ; bytes of the frame
        test ecx, 1
        jnz .high
        mov edx, [low_end]
        add [low_end], eax
        jmp .placed
.high:  mov edx, [high_end]
        sub edx, eax
        mov [high_end], edx
.placed:
        cmp [drawn_generation + ecx * 4], esi
        jne .draw
        cmp [drawn_base + ecx * 4], edx
        je .done
.draw:  mov [drawn_generation + ecx * 4], esi
        mov [drawn_base + ecx * 4], edx
        mov edi, edx
        add edi, [memory]
        mov [frame], edi
        call draw_card
        mov [ebx + FRAME_BASE], edx
        mov eax, [stride]
        mov [ebx + FRAME_STRIDE], eax
        mov eax, [width]
        mov [ebx + FRAME_WIDTH], eax
        mov eax, [height]
        mov [ebx + FRAME_HEIGHT], eax
        mov dword [ebx + FRAME_CONTROL], 1
        mov [ebx + FRAME_DONE], eax
.done:  popa
        ret
.off:   mov [drawn_generation + ecx * 4], esi
        mov dword [drawn_base + ecx * 4], -1
        popa
        ret

; The frame of output ECX as it was drawn last. Carry: it has none.
output_select:
        push eax
        push ebx
        cmp ecx, OUTPUTS
        jae .none
        cmp dword [drawn_base + ecx * 4], -1
        je .none
        mov ebx, ecx
        imul ebx, OUTPUT_SPACE
        add ebx, OUTPUT_SPACE
        add ebx, [registers]
        mov eax, [ebx + FRAME_WIDTH]
        test eax, eax
        jz .none
        mov [width], eax
        shl eax, 2
        mov [stride], eax
        mov eax, [ebx + FRAME_HEIGHT]
        mov [height], eax
        mov eax, [drawn_base + ecx * 4]
        add eax, [memory]
        mov [frame], eax
        pop ebx
        pop eax
        clc
        ret
.none:  pop ebx
        pop eax
        stc
        ret

; One line on the serial port: what is shown now, since when the guest lives.
report:
        pusha
        mov esi, text_session
        call serial_text
        mov ebx, [registers]
        mov eax, [ebx + DISPLAY_SESSION]
        call serial_number
        mov esi, text_change
        call serial_text
        mov eax, [ebx + DISPLAY_GENERATION]
        call serial_number
        mov esi, text_alive
        call serial_text
        mov eax, [ticks]
        call serial_number
        xor ecx, ecx
.each:  call output_select
        jc .next
        mov esi, text_output
        call serial_text
        mov eax, ecx
        call serial_number
        mov al, ' '
        call serial_put
        mov eax, [width]
        call serial_number
        mov al, 'x'
        call serial_put
        mov eax, [height]
        call serial_number
.next:  inc ecx
        cmp ecx, OUTPUTS
        jb .each
        mov esi, text_line
        call serial_text
        popa
        ret

; And what there is to type and point with, when that is new.
report_input:
        pusha
        mov esi, text_input
        call serial_text
        mov edi, words
        call put_input
        mov byte [edi], 0
        mov esi, words
        call serial_text
        mov esi, text_line
        call serial_text
        popa
        ret
