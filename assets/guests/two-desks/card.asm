; The test card of one output: a grid, an edge of exactly its size, a circle that is round only on the right one, what the guest was told, and colours.

draw_card:
        pusha
        mov byte [inverting], 0
        mov eax, [output_number]
        mov eax, [output_colours + eax * 4]
        mov [accent], eax
        ; The ground.
        mov dword [colour], GROUND
        xor eax, eax
        xor ebx, ebx
        mov ecx, [width]
        mov edx, [height]
        call fill
        ; A grid of 40 units: pixels by the display's scale.
        mov dword [colour], GRID
        mov ebx, [output]
        mov eax, [ebx + OUTPUT_SCALE]
        imul eax, 40
        xor edx, edx
        mov ecx, 100
        div ecx
        mov [step], eax
        xor esi, esi
.across:
        mov eax, esi
        xor ebx, ebx
        mov ecx, 1
        mov edx, [height]
        call fill
        add esi, [step]
        cmp esi, [width]
        jb .across
        xor esi, esi
.down:  xor eax, eax
        mov ebx, esi
        mov ecx, [width]
        mov edx, 1
        call fill
        add esi, [step]
        cmp esi, [height]
        jb .down
        call draw_colours
        ; The edge: two pixels on each side, the outermost ones there are.
        mov eax, [accent]
        mov [colour], eax
        xor eax, eax
        xor ebx, ebx
        mov ecx, [width]
        mov edx, 2
        call fill
        mov ebx, [height]
        sub ebx, 2
        call fill
        xor ebx, ebx
        mov ecx, 2
        mov edx, [height]
        call fill
        mov eax, [width]
        sub eax, 2
        call fill
        ; The circle, two fifths down.
        mov eax, [width]
        shr eax, 1
        mov [centre_x], eax
        mov eax, [height]
        shl eax, 1
        xor edx, edx
        mov ecx, 5
        div ecx
        mov [centre_y], eax
        call smaller_side
        imul eax, 3
        xor edx, edx
        mov ecx, 10
        div ecx
        mov ecx, eax
        mov eax, [centre_x]
        mov ebx, [centre_y]
        call circle
        dec ecx
        call circle
        call draw_words
        popa
        ret

; EAX = the smaller of width and height.
smaller_side:
        mov eax, [width]
        cmp eax, [height]
        jbe .done
        mov eax, [height]
.done:  ret

; Seven bars, and a ramp from black to white.
draw_colours:
        pusha
        mov eax, [height]
        imul eax, 70
        xor edx, edx
        mov ecx, 100
        div ecx
        mov ebx, eax                    ; top of the bars
        mov eax, [height]
        imul eax, 13
        xor edx, edx
        div ecx
        mov edi, eax                    ; their height
        xor esi, esi
.bar:   mov eax, [bar_colours + esi * 4]
        mov [colour], eax
        mov eax, [width]
        mul esi
        mov ecx, 7
        div ecx
        push eax
        mov eax, [width]
        lea ecx, [esi + 1]
        mul ecx
        mov ecx, 7
        div ecx
        mov ecx, eax
        pop eax
        sub ecx, eax
        mov edx, edi
        call fill
        inc esi
        cmp esi, 7
        jb .bar
        add ebx, edi
        xor esi, esi                    ; a column at a time
.grey:  mov eax, esi
        imul eax, 255
        xor edx, edx
        div dword [width]
        imul eax, 0x010101
        mov [colour], eax
        mov eax, esi
        mov ecx, 1
        mov edx, edi
        shr edx, 1
        call fill
        inc esi
        cmp esi, [width]
        jb .grey
        popa
        ret

; The words in the circle.
draw_words:
        pusha
        ; The first line fills four fifths of the circle: 11 characters in 48 hundredths of the smaller side.
        call smaller_side
        xor edx, edx
        mov ecx, 183
        div ecx
        test eax, eax
        jnz .large
        inc eax
.large: mov [zoom], eax
        mov ebx, [output]
        mov edi, words
        mov eax, [width]
        call put_number
        mov eax, ' x '
        stosd
        dec edi
        mov eax, [height]
        call put_number
        mov dword [colour], WHITE
        mov edx, [centre_y]
        mov eax, [zoom]
        imul eax, GLYPH_HEIGHT
        sub edx, eax
        call draw_centred
        add edx, eax
        ; The others are half as large.
        mov eax, [zoom]
        shr eax, 1
        jnz .small
        inc eax
.small: mov [zoom], eax
        mov eax, [accent]
        mov [colour], eax
        mov edi, words
        mov esi, word_output
        call put_text
        mov eax, [output_number]
        call put_number
        test byte [ebx + OUTPUT_STATUS], IS_PRIMARY
        jz .secondary
        mov esi, word_primary
        call put_text
.secondary:
        call put_dots
        call next_line
        mov dword [colour], SOFT
        mov edi, words
        mov eax, [ebx + OUTPUT_SCALE]
        call put_number
        mov esi, word_per_cent
        call put_text
        mov esi, word_landscape
        mov eax, [width]
        cmp eax, [height]
        jae .shape
        mov esi, word_portrait
.shape: call put_text
        mov eax, [ebx + OUTPUT_TURNED]
        test eax, eax
        jz .straight
        mov esi, word_turned
        call put_text
        call put_number
.straight:
        call next_line
        mov edi, words
        mov esi, word_session
        call put_text
        mov ebx, [registers]
        mov eax, [ebx + DISPLAY_SESSION]
        call put_number
        mov esi, word_up
        call put_text
        mov eax, [ticks]
        push edx
        xor edx, edx
        mov ecx, 100
        div ecx
        pop edx
        call put_number
        mov al, 's'
        stosb
        call next_line
        mov edi, words
        call put_input
        call next_line
        popa
        ret

; ", 109 dpi" to EDI, as the millimetres of output EBX say; "about" where they are a guess; nothing where there are none.
put_dots:
        push eax
        push ecx
        push edx
        mov ecx, [ebx + OUTPUT_MM]
        test ecx, ecx
        jz .done
        mov esi, word_comma
        test byte [ebx + OUTPUT_STATUS], IS_ESTIMATED
        jz .known
        mov esi, word_about
.known: call put_text
        imul ecx, 10
        mov eax, [width]
        imul eax, 254
        xor edx, edx
        div ecx
        call put_number
        mov esi, word_dots
        call put_text
.done:  pop edx
        pop ecx
        pop eax
        ret

; Draws `words` in the line at EDX; EDX goes to the next one.
next_line:
        push eax
        call draw_centred
        mov eax, [zoom]
        imul eax, GLYPH_HEIGHT + 2
        add edx, eax
        pop eax
        ret
