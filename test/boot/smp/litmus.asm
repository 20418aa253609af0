; Litmus tests of memory order (SDM vol. 3, 9.2.3): each round starts all processors together, and the bootstrap processor counts what came out.
; Store buffering may show both loads old; everything else that is counted is forbidden.

%include "bring-up.asm"

x               equ shared + 0x000
y               equ shared + 0x040
round           equ shared + 0x080      ; the round that may begin
arrived         equ shared + 0x0c0      ; processors that are through with it
seen            equ shared + 0x100      ; what each processor loaded: two dwords, a line each
buffered        equ shared + 0x400
fenced          equ shared + 0x404
passed          equ shared + 0x408
independent     equ shared + 0x40c
loaded          equ shared + 0x410
rounds_done     equ shared + 0x414
scratch         equ shared + 0x440      ; plus 64 * processor

; Everybody waits for the next round.
%macro together 0
        call next_round
%endmacro

main:
        xor ebp, ebp                    ; rounds so far
.round:
        ; Store buffering.
        together
        cmp ebx, 1
        ja .no_buffering
        mov eax, ebx
        shl eax, 6                      ; 0: stores x, loads y; 1: the other way round
        mov dword [x + eax], 1
        xor eax, 0x40
        mov ecx, [x + eax]
        call note
.no_buffering:
        call count_buffering

        ; The same with a locked instruction between: one of them has to see the other.
        together
        cmp ebx, 1
        ja .no_fence
        mov eax, ebx
        shl eax, 6
        mov dword [x + eax], 1
        lock inc dword [scratch + eax]
        xor eax, 0x40
        mov ecx, [x + eax]
        call note
.no_fence:
        call count_fenced

        ; Message passing: who sees y sees x.
        together
        cmp ebx, 1
        ja .no_message
        je .receive
        mov dword [x], 1
        mov dword [y], 1
        jmp .no_message
.receive:
        mov ecx, [y]
        mov edx, [x]
        call note
.no_message:
        call count_message

        ; Load buffering: not both load what the other stores afterwards.
        together
        cmp ebx, 1
        ja .no_loads
        mov eax, ebx
        shl eax, 6
        mov ecx, [x + eax]
        xor eax, 0x40
        mov dword [x + eax], 1
        call note
.no_loads:
        call count_loaded

%if PROCESSORS >= 4
        ; Independent reads of independent writes: two readers agree on the order.
        together
        cmp ebx, 1
        ja .reader
        mov eax, ebx
        shl eax, 6
        mov dword [x + eax], 1
        jmp .no_writes
.reader:
        cmp ebx, 3
        ja .no_writes
        mov eax, ebx
        and eax, 1
        shl eax, 6
        mov ecx, [x + eax]
        xor eax, 0x40
        mov edx, [x + eax]
        call note
.no_writes:
        call count_independent
%endif
        inc ebp
        cmp ebp, ROUNDS
        jb .round
        test ebx, ebx
        jnz .end
        mov [rounds_done], ebp
.end:
        ret

; What this processor loaded: ECX and EDX.
note:
        mov eax, ebx
        shl eax, 6
        mov [seen + eax], ecx
        mov [seen + eax + 4], edx
        ret

; All processors wait for each other; the bootstrap processor clears the variables before they go on. EDI: the number of the round.
next_round:
        inc edi
        lock inc dword [arrived]
        test ebx, ebx
        jnz .wait
.all:
        pause
        cmp dword [arrived], PROCESSORS
        jb .all
        mov dword [x], 0
        mov dword [y], 0
        mov dword [arrived], 0
        xor eax, eax
        xchg [scratch], eax             ; everything above is there before the round begins
        lock inc dword [round]
        ; The others see that some time later: by and by this processor comes before, with and behind them.
        mov ecx, ebp
        and ecx, 0xff
.skew:
        dec ecx
        jns .skew
        ret
.wait:
        pause
        cmp [round], edi
        jne .wait
        ret

; The bootstrap processor waits until all are through, and adds 1 to a counter if a condition holds of what was seen.
%macro counting 1
        call next_round
        test ebx, ebx
        jnz %%end
        %1
%%end:
        ret
%endmacro

%macro both_old 1
        mov eax, [seen]
        or eax, [seen + 0x40]
        jnz %%not
        inc dword [%1]
%%not:
%endmacro

%macro both_new 1
        mov eax, [seen]
        and eax, [seen + 0x40]
        jz %%not
        inc dword [%1]
%%not:
%endmacro

%macro message_torn 0
        cmp dword [seen + 0x40], 1      ; y seen
        jne %%not
        cmp dword [seen + 0x44], 0      ; x not
        jne %%not
        inc dword [passed]
%%not:
%endmacro

%macro orders_differ 0
        mov eax, [seen + 0x80]          ; processor 2: x then y
        sub eax, [seen + 0x84]
        mov ecx, [seen + 0xc0]          ; processor 3: y then x
        sub ecx, [seen + 0xc4]
        cmp eax, 1
        jne %%not
        cmp ecx, 1
        jne %%not
        inc dword [independent]
%%not:
%endmacro

count_buffering:
        counting {both_old buffered}
count_fenced:
        counting {both_old fenced}
count_loaded:
        counting {both_new loaded}
count_message:
        counting message_torn
count_independent:
        counting orders_differ

finish:
        report "rounds ", rounds_done
        report " fenced ", fenced
        report " passed ", passed
        report " loaded ", loaded
        report " independent ", independent
        report " buffered ", buffered
        ret

kernel_end:
bss_end         equ kernel_end
