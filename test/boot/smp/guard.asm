; A processor has pages protected by hypercall while all others store to them as fast as they can. From the moment in which the call returns no store of anybody may land.

%include "bring-up.asm"

CALL_REGISTER   equ 1
CALL_PROTECT    equ 3
ACTION_DENY     equ 4
PAGES           equ 0x600000            ; one after the other
PAGE            equ 4096
LOOKS           equ 2000

page_now        equ shared + 0x000
finished        equ shared + 0x040
missed          equ shared + 0x080
refused         equ shared + 0x0c0
rounds_done     equ shared + 0x100

main:
        test ebx, ebx
        jnz writer
        mov eax, CALL_REGISTER
        xor ecx, ecx
        vmcall
        xor ebp, ebp
.round:
        mov edi, ebp
        shl edi, 12
        add edi, PAGES
        mov [page_now], edi
.seen:                                  ; the others are at it
        pause
        cmp dword [edi + 4], 0
        je .seen
        mov eax, CALL_PROTECT
        mov ebx, edi
        shr ebx, 12
        mov ecx, 1
        mov edx, ACTION_DENY
        vmcall
        test eax, eax
        jz .done
        inc dword [refused]
.done:
        mov eax, [edi + 4]
        mov ecx, LOOKS
.look:
        cmp [edi + 4], eax
        jne .miss
        loop .look
        jmp .next
.miss:
        inc dword [missed]
.next:
        inc ebp
        cmp ebp, ROUNDS
        jb .round
        mov [rounds_done], ebp
        mov dword [finished], 1
        ret

writer:
        xor ecx, ecx
.again:
        mov edi, [page_now]
        test edi, edi
        jz .again
        mov edx, 64
.store:
        inc ecx
        mov [edi + ebx * 4], ecx
        dec edx
        jnz .store
        cmp dword [finished], 0
        je .again
        ret

finish:
        report "rounds ", rounds_done
        report " missed ", missed
        report " refused ", refused
        ret

kernel_end:
bss_end         equ kernel_end
