; Keys, by their make codes of set 1.

keys:
        pushad
        in al, KEYBOARD_STATUS
        test al, 1
        jz .done
        test al, 0x20                   ; the mouse's
        jnz .drop
        in al, KEYBOARD_DATA
        movzx eax, al
        mov esi, key_table
.next:
        cmp byte [esi], 0
        je .done
        cmp [esi], al
        je .found
        add esi, 5
        jmp .next
.found:
        call [esi + 1]
        jmp .done
.drop:
        in al, KEYBOARD_DATA
.done:
        popad
        ret

%macro key 2
        db %1
        dd %2
%endmacro

key_table:
        key 0x39, toggle_storm          ; space
        key 0x14, toggle_thieves        ; t
        key 0x02, by_port               ; 1
        key 0x03, to_next               ; 2
        key 0x04, to_others             ; 3
        key 0x05, to_all                ; 4
        key 0x0d, faster                ; =+
        key 0x4e, faster                ; +
        key 0x0c, slower                ; -
        key 0x4a, slower
        key 0x10, switch_off            ; q
        db 0

toggle_storm:
        xor byte [storm_on], 1
        ret

; toggle_thieves: off, the other processors halt.
toggle_thieves:
        xor byte [thieves_on], 1
        xor eax, eax
        mov edx, IPI_ALL_BUT_SELF | IPI_WAKE
        jmp send_ipi

faster:
        shr dword [pace], 1
        jnz .done
        mov dword [pace], 1
.done:
        ret

slower:
        cmp dword [pace], 1 << 17       ; microseconds
        jae .done
        shl dword [pace], 1
.done:
        ret

switch_off:
        mov edx, [pm_base]
        add edx, PM1_CONTROL
        mov eax, SLEEP_OFF
        out dx, ax
        mov eax, SLEEP_OFF_ZERO
        out dx, ax
        ret
