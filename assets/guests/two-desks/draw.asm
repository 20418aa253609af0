; Rectangles, pixels and circles in the frame that is selected: [frame], [stride], [width], [height]; in [colour], or inverting what is there.

; A rectangle at EAX, EBX of ECX by EDX pixels; what lies outside of the frame is cut off.
fill:
        pusha
        cmp eax, [width]
        jae .done
        cmp ebx, [height]
        jae .done
        mov esi, [width]
        sub esi, eax
        cmp ecx, esi
        jbe .wide
        mov ecx, esi
.wide:  mov esi, [height]
        sub esi, ebx
        cmp edx, esi
        jbe .high
        mov edx, esi
.high:  test ecx, ecx
        jz .done
        imul ebx, [stride]
        lea edi, [ebx + eax * 4]
        add edi, [frame]
        mov eax, [colour]
        cmp byte [inverting], 0
        jne .invert
.line:  test edx, edx
        jz .done
        push edi
        push ecx
        rep stosd
        pop ecx
        pop edi
        add edi, [stride]
        dec edx
        jmp .line
.invert:
        test edx, edx
        jz .done
        push edi
        push ecx
.pixel: xor [edi], eax
        add edi, 4
        loop .pixel
        pop ecx
        pop edi
        add edi, [stride]
        dec edx
        jmp .invert
.done:  popa
        ret

; One pixel at EAX, EBX.
pixel:
        push ecx
        push edx
        mov ecx, 1
        mov edx, 1
        call fill
        pop edx
        pop ecx
        ret

; A circle around EAX, EBX of radius ECX (Bresenham's), each point once or twice: drawn inverting, the second time takes it away all the same.
circle:
        pusha
        mov [middle_x], eax
        mov [middle_y], ebx
        xor esi, esi                    ; x
        mov edi, ecx                    ; y
        mov edx, 1
        sub edx, ecx                    ; the error
.step:  cmp esi, edi
        ja .done
        call eight_points
        inc esi
        test edx, edx
        jns .inwards
        lea edx, [edx + esi * 2 + 1]
        jmp .step
.inwards:
        dec edi
        mov eax, esi
        sub eax, edi
        lea edx, [edx + eax * 2 + 1]
        jmp .step
.done:  popa
        ret

eight_points:
        push esi
        push edi
        call four_points
        xchg esi, edi
        call four_points
        pop edi
        pop esi
        ret

four_points:
        push eax
        push ebx
        mov eax, [middle_x]
        add eax, esi
        mov ebx, [middle_y]
        add ebx, edi
        call pixel
        sub ebx, edi
        sub ebx, edi
        call pixel
        sub eax, esi
        sub eax, esi
        call pixel
        add ebx, edi
        add ebx, edi
        call pixel
        pop ebx
        pop eax
        ret
