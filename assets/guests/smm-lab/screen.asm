; The screen: 80 x 25 characters.

COLUMNS         equ 80
ROWS            equ 25
FIRST_CPU_ROW   equ 4
SHOWN           equ 8                   ; processors that have a row
LOADS_ROW       equ 13
VERDICT_ROW     equ 17
TRIP_ROW        equ 18
STRIP_ROW       equ 20
STRIPS          equ 3
KEYS_ROW        equ 24
STRIP_COLUMN    equ 2
STRIP_WIDTH     equ 76

%define cell(row, column) (TEXT_MEMORY + 2 * (COLUMNS * (row) + (column)))

; text ROW, COLUMN, COLOUR, text...
%macro text 4+
        push edi
        push esi
        push eax
        mov edi, cell(%1, %2)
        mov esi, %%text
        mov ah, %3
        call put_text
        pop eax
        pop esi
        pop edi
        jmp %%end
%%text: db %4, 0
%%end:
%endmacro

; put_text: the zero-terminated text at ESI to EDI, which moves on, in colour AH.
put_text:
        push esi
        push eax
.next:
        lodsb
        test al, al
        jz .done
        stosw
        jmp .next
.done:
        pop eax
        pop esi
        ret

; put_digits: the last ECX places of `digits` to EDI, in colour AH.
put_digits:
        push esi
        push ecx
        push eax
        mov esi, digits_end
        sub esi, ecx
.next:
        lodsb
        stosw
        dec ecx
        jnz .next
        pop eax
        pop ecx
        pop esi
        ret

clear_screen:
        pushad
        mov edi, TEXT_MEMORY
        mov ecx, COLUMNS * ROWS
        mov eax, GREY << 8 | ' '
        rep stosw
        mov edx, 0x3d4                  ; the cursor goes: CRTC register 0Ah
        mov eax, 0x200a
        out dx, ax
        popad
        ret

; title: what stays on the screen.
title:
        pushad
        mov edi, cell(0, 0)
        mov ecx, COLUMNS
        mov eax, TITLE << 8 | ' '
        rep stosw
        text 0, 1, TITLE, 'SMM lab'
        text 0, 51, TITLE, 'SMRAM a0000-bffff'
        text 2, 1, DARK, 'cpu     SMIs sent        taken    collapsed    leaks seen   longest stop, us'
        text LOADS_ROW, 1, GREY, 'loads from a0000-b7fff'
        text LOADS_ROW + 1, 1, GREY, 'stores to SMRAM'
        text LOADS_ROW + 2, 1, GREY, 'calls into SMRAM'
        text TRIP_ROW, 1, GREY, 'through port b2 and back, us:'
        text TRIP_ROW, 45, GREY, 'shortest'
        text KEYS_ROW, 1, DARK, 'space storm   t thieves   1 port b2   2 to one   3 others   4 all   + - pace   q off'
        cmp byte [is_locked], 0
        je .open
        text 0, 70, TITLE, 'locked'
        popad
        ret
.open:
        text 0, 70, TITLE, 'not locked'
        popad
        ret

; draw: all that changes. Sums go to `total_...`.
draw:
        pushad
        xor eax, eax
        mov edi, totals
        mov ecx, (totals_end - totals) / 4
        rep stosd
        xor ebx, ebx
.next:
        mov ebp, ebx
        shl ebp, CPU_SHIFT
        add ebp, CPUS
        call add_up
        cmp ebx, SHOWN
        jae .hidden
        call draw_cpu
.hidden:
        inc ebx
        cmp ebx, [processors]
        jb .next
        mov esi, total_loads
        mov edi, cell(LOADS_ROW, 34)
        call draw_total
        mov esi, total_stores
        mov edi, cell(LOADS_ROW + 1, 34)
        call draw_total
        mov esi, total_calls
        mov edi, cell(LOADS_ROW + 2, 34)
        call draw_total
        mov eax, [trip]
        mov edi, cell(TRIP_ROW, 30)
        call draw_time
        mov eax, [shortest_trip]
        cmp eax, -1
        je .verdict
        mov edi, cell(TRIP_ROW, 53)
        call draw_time
.verdict:
        call draw_verdict
        call draw_strip
        popad
        ret

draw_total:
        pushad
        mov eax, [esi]
        mov edx, [esi + 4]
        call number
        mov ah, WHITE
        mov ecx, 22
        call put_digits
        popad
        ret

draw_time:
        pushad
        call tenths
        mov ah, WHITE
        mov ecx, 13
        call put_digits
        popad
        ret

; add_up: the block at EBP to the totals.
add_up:
        pushad
        mov eax, [ebp + Processor.taken]
        add [total_taken], eax
        mov eax, [ebp + Processor.sent]
        add [total_sent], eax
        mov eax, [ebp + Processor.leaks]
        add eax, [ebp + Processor.spoiled]
        add [total_leaks], eax
%macro add_wide 2
        mov eax, [ebp + %1]
        mov edx, [ebp + %1 + 4]
        add [%2], eax
        adc [%2 + 4], edx
%endmacro
        add_wide Processor.loads, total_loads
        add_wide Processor.stores, total_stores
        add_wide Processor.calls, total_calls
        popad
        ret

; draw_cpu: the row of processor EBX, whose block is at EBP.
draw_cpu:
        pushad
        lea edi, [FIRST_CPU_ROW + ebx]
        imul edi, edi, 2 * COLUMNS
        add edi, TEXT_MEMORY + 2
        xor edx, edx
        mov eax, ebx
        call number
        mov ah, GREY
        mov ecx, 2
        call put_digits
        mov eax, [ebp + Processor.sent]
        call number
        mov ah, GREY
        mov ecx, 15
        call put_digits
        mov eax, [ebp + Processor.taken]
        mov edx, eax                    ; kept for the difference
        push edx
        xor edx, edx
        call number
        pop edx
        mov ah, WHITE
        mov ecx, 13
        call put_digits
        mov eax, [ebp + Processor.sent]
        sub eax, edx
        jns .positive
        xor eax, eax                    ; taken meanwhile, or injected from outside
.positive:
        xor edx, edx
        call number
        mov ah, GREY
        mov ecx, 13
        call put_digits
        mov eax, [ebp + Processor.leaks]
        add eax, [ebp + Processor.spoiled]
        call number
        call leak_colour
        mov ecx, 14
        call put_digits
        mov eax, [ebp + Processor.gap]
        call tenths
        mov ah, GREY
        mov ecx, 19
        call put_digits
        popad
        ret

; leak_colour: AH by the leaks of the block at EBP.
leak_colour:
        mov ah, GREEN
        cmp dword [ebp + Processor.leaks], 0
        jne .leak
        cmp dword [ebp + Processor.spoiled], 0
        je .done
.leak:
        mov ah, RED
.done:
        ret

draw_verdict:
        cmp byte [broken], 0
        jne .broken
        cmp dword [total_leaks], 0
        jne .leaks
        text VERDICT_ROW, 1, GREEN, 'nobody outside of SMM has seen, changed or executed a byte of SMRAM  '
        ret
.leaks:
        text VERDICT_ROW, 1, RED, 'SMRAM LEAKS: a processor outside of SMM got at it                    '
        ret
.broken:
        text VERDICT_ROW, 1, RED, 'a processor has stopped after an exception that nobody expected      '
        ret

; draw_strip: a column of history: how many SMIs were taken since the last one, on a scale of powers of four.
draw_strip:
        pushad
        mov ecx, STRIPS
        mov edi, cell(STRIP_ROW, STRIP_COLUMN)
.row:
        push ecx
        push edi
        lea esi, [edi + 2]
        mov ecx, STRIP_WIDTH - 1
        rep movsw
        pop edi
        pop ecx
        add edi, 2 * COLUMNS
        dec ecx
        jnz .row
        mov eax, [total_taken]
        mov ebx, eax
        sub eax, [taken_before]
        mov [taken_before], ebx
        xor edx, edx                    ; height
.scale:
        test eax, eax
        jz .scaled
        inc edx
        shr eax, 2
        jmp .scale
.scaled:
        mov ecx, STRIPS
        mov edi, cell(STRIP_ROW + STRIPS - 1, STRIP_COLUMN + STRIP_WIDTH - 1)
.cell:
        mov eax, 0x08fa                 ; a dot
        test edx, edx
        jle .put
        mov eax, 0x05b1                 ; one unit, then shades up to a full block
        dec edx
        jz .put
        mov eax, 0x05b2
        dec edx
        jz .put
        mov eax, 0x05db
        dec edx
.put:
        mov [edi], ax
        sub edi, 2 * COLUMNS
        dec ecx
        jnz .cell
        popad
        ret
