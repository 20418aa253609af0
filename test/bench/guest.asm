; The guest of the speed comparison: a Multiboot kernel that does work on command, with paging on.
;
; Serial port COM1 takes a command of five bytes: the row (an index into `rows`) and the amount of work, little-endian.
; Port 0xE9 answers 'S' as the work starts, 'E' as it ends, then the row's result as eight hexadecimal digits and a line feed.
; Before the first command it says 'R'. Interrupts stay off throughout.
;
;   0x100000  this image            0x200000  page directory, page tables
;   0x2F0000  CRC table             0x300000  arrays of the rows          0x800000  top of the stack
;
; Except in the two last rows, what is written lies in other pages than the code, as it does under every operating system.

bits 32
org 0x100000

memory_bytes    equ 16 * 1024 * 1024
page_directory  equ 0x200000
page_tables     equ 0x201000
crc_table       equ 0x2f0000
source          equ 0x300000
destination     equ 0x400000
vm_stack        equ 0x510000
variables       equ 0x511000
vm_stack_apart  equ 0x500000            ; 4 MiB from this image: one set of a direct-mapped TLB
stack_top       equ 0x800000

present_writable equ 3
cr0_paging      equ 0x80000000

console         equ 0xe9
com1            equ 0x3f8
line_status     equ 5
data_ready      equ 1

multiboot_magic equ 0x1badb002
address_fields  equ 0x10000

        jmp start

align 4
header:
        dd multiboot_magic
        dd address_fields
        dd -(multiboot_magic + address_fields)
        dd header
        dd 0x100000
        dd image_end
        dd image_end
        dd start

start:
        cli
        cld
        mov esp, stack_top
        call map_memory
        call make_crc_table
        call fill_source
        mov dx, com1 + 3                ; 8 data bits, no interrupts, FIFO on
        mov al, 3
        out dx, al
        mov dx, com1 + 1
        mov al, 0
        out dx, al
        mov dx, com1 + 2
        mov al, 1
        out dx, al
        mov al, 'R'
        out console, al

command:
        call receive
        movzx ebp, al
        mov ecx, 4
.amount:
        call receive
        shrd ebx, eax, 8
        dec ecx
        jnz .amount
        cmp ebp, row_count
        jae command
        mov al, 'S'
        out console, al
        mov ecx, ebx
        call [rows + ebp * 4]
        mov ebx, eax
        mov al, 'E'
        out console, al
        mov ecx, 8
.digit:
        rol ebx, 4
        mov eax, ebx
        and eax, 15
        mov al, [digits + eax]
        out console, al
        dec ecx
        jnz .digit
        mov al, 10
        out console, al
        jmp command

; AL = next byte of COM1. Changes EDX.
receive:
        mov dx, com1 + line_status
        in al, dx
        test al, data_ready
        jz receive
        mov dx, com1
        in al, dx
        ret

; Linear = physical for all memory, in 4 KiB pages, then paging on.
map_memory:
        mov edi, page_tables
        mov eax, present_writable
        mov ecx, memory_bytes / 4096
.page:
        mov [edi], eax
        add edi, 4
        add eax, 4096
        dec ecx
        jnz .page
        mov edi, page_directory
        xor eax, eax
        mov ecx, 1024
        rep stosd
        mov edi, page_directory
        mov eax, page_tables + present_writable
        mov ecx, memory_bytes / 4096 / 1024
.table:
        mov [edi], eax
        add edi, 4
        add eax, 4096
        dec ecx
        jnz .table
        mov eax, page_directory
        mov cr3, eax
        mov eax, cr0
        or eax, cr0_paging
        mov cr0, eax
        jmp .on
.on:
        ret

; CRC-32 of IEEE 802.3, reflected.
make_crc_table:
        xor ebx, ebx
.entry:
        mov eax, ebx
        mov ecx, 8
.bit:
        shr eax, 1
        jnc .clear
        xor eax, 0xedb88320
.clear:
        dec ecx
        jnz .bit
        mov [crc_table + ebx * 4], eax
        inc ebx
        cmp ebx, 256
        jb .entry
        ret

; 128 KiB of pseudo-random bytes.
fill_source:
        mov edi, source
        mov ecx, 128 * 1024 / 4
        mov eax, 1
.next:
        imul eax, eax, 1664525
        add eax, 1013904223
        mov edx, eax
        shr edx, 16
        xor edx, eax
        mov [edi], edx
        add edi, 4
        dec ecx
        jnz .next
        ret

; Every row: ECX = amount of work; result in EAX; may change all registers but ESP.
align 4
rows:
        dd integer_row
        dd sieve_row
        dd crc_row
        dd string_copy_row
        dd loop_copy_row
        dd calls_row
        dd bytecode_row
        dd bytecode_apart_row
        dd bytecode_beside_row
row_count equ ($ - rows) / 4

digits: db "0123456789abcdef"

; Integer arithmetic in registers with a branch that nobody can foresee. Amount: iterations.
integer_row:
        mov esi, ecx
        mov eax, 0x12345678
        mov ebx, 0x9e3779b9
        xor ecx, ecx
        xor edx, edx
.next:
        mov edi, eax                    ; xorshift, Marsaglia's triple 13, 17, 5
        shl edi, 13
        xor eax, edi
        mov edi, eax
        shr edi, 17
        xor eax, edi
        mov edi, eax
        shl edi, 5
        xor eax, edi
        add ebx, eax
        adc edx, 0
        test eax, 0x100
        jz .even
        imul ebx, ebx, 1103515245
        add ebx, 12345
        sub ecx, ebx
        jmp .join
.even:
        rol ebx, 7
        lea ecx, [ecx + ebx * 4 + 3]
        neg ecx
.join:
        cmp ecx, ebx
        jge .skip
        not edx
.skip:
        dec esi
        jnz .next
        add eax, ebx
        add eax, ecx
        add eax, edx
        ret

; Primes below a million, one byte each. Amount: passes. Result: sum of the counts.
sieve_limit equ 1000000
sieve_row:
        xor ebp, ebp
.pass:
        push ecx
        mov edi, destination
        mov eax, 0x01010101
        mov ecx, sieve_limit / 4
        rep stosd
        mov ebx, 2
.candidate:
        cmp byte [destination + ebx], 0
        je .composite
        mov eax, ebx
        imul eax, ebx
.strike:
        mov byte [destination + eax], 0
        add eax, ebx
        cmp eax, sieve_limit
        jb .strike
.composite:
        inc ebx
        cmp ebx, 1000
        jb .candidate
        mov ebx, 2
.count:
        movzx eax, byte [destination + ebx]
        add ebp, eax
        inc ebx
        cmp ebx, sieve_limit
        jb .count
        pop ecx
        dec ecx
        jnz .pass
        mov eax, ebp
        ret

; CRC-32 by table over 64 KiB, each pass going on from the one before. Amount: passes.
crc_row:
        mov ebp, ecx
        mov eax, -1
.pass:
        mov esi, source
        mov ecx, 64 * 1024
.byte:
        movzx edx, byte [esi]
        xor edx, eax
        shr eax, 8
        movzx edx, dl
        xor eax, [crc_table + edx * 4]
        inc esi
        dec ecx
        jnz .byte
        dec ebp
        jnz .pass
        not eax
        ret

; memcpy as C libraries have it: REP MOVSD and the rest by REP MOVSB, over a mixture of sizes. Amount: passes over `sizes`.
string_copy_row:
        mov ebp, ecx
        call clear_destination
.pass:
        xor ebx, ebx
.size:
        mov edx, [sizes + ebx * 4]
        mov esi, source
        add esi, ebx
        mov edi, destination
        mov eax, ebp
        and eax, 0x3ffc
        add edi, eax
        mov ecx, edx
        shr ecx, 2
        rep movsd
        mov ecx, edx
        and ecx, 3
        rep movsb
        inc ebx
        cmp ebx, size_count
        jb .size
        dec ebp
        jnz .pass
        jmp sum_destination

align 4
sizes:
        dd 16, 24, 33, 48, 64, 100, 128, 200, 256, 511, 1024, 1460, 4096
size_count equ ($ - sizes) / 4

; The same work by a loop of loads and stores. Amount: copies of 32 KiB.
loop_copy_row:
        mov ebp, ecx
        call clear_destination
.pass:
        mov esi, source
        mov edi, destination
        mov eax, ebp
        and eax, 0x3ffc
        add edi, eax
        mov ecx, 32 * 1024 / 8
.next:
        mov eax, [esi]
        mov edx, [esi + 4]
        mov [edi], eax
        mov [edi + 4], edx
        add esi, 8
        add edi, 8
        dec ecx
        jnz .next
        dec ebp
        jnz .pass
        jmp sum_destination

clear_destination:
        mov edi, destination
        xor eax, eax
        mov ecx, 64 * 1024 / 4
        rep stosd
        ret

; EAX = a sum of the first 64 KiB at `destination` that depends on the order.
sum_destination:
        mov esi, destination
        mov ecx, 64 * 1024 / 4
        xor eax, eax
.next:
        rol eax, 1
        add eax, [esi]
        add esi, 4
        dec ecx
        jnz .next
        ret

; Recursive Fibonacci numbers with stack frames. Amount: how often fib(24) is computed. Result: the sum.
calls_row:
        mov esi, ecx
        xor edi, edi
.again:
        push dword 24
        call fibonacci
        add esp, 4
        add edi, eax
        dec esi
        jnz .again
        mov eax, edi
        ret

fibonacci:
        push ebp
        mov ebp, esp
        push ebx
        mov eax, [ebp + 8]
        cmp eax, 2
        jb .done
        dec eax
        push eax
        call fibonacci
        mov ebx, eax
        mov eax, [ebp + 8]
        sub eax, 2
        mov [esp], eax
        call fibonacci
        add esp, 4
        add eax, ebx
.done:
        pop ebx
        leave
        ret

; A virtual machine for bytecode: ESI = its program counter, EDI = its stack pointer, EBX = its variables.
%macro next 0
        movzx eax, byte [esi]
        inc esi
        jmp [handlers + eax * 4]
%endmacro

bytecode_row:
        mov edi, vm_stack
        mov ebx, variables
        jmp interpret

; The same with the stack 4 MiB from the code, and with the variables in the code's page.
bytecode_apart_row:
        mov edi, vm_stack_apart
        mov ebx, variables
        jmp interpret

bytecode_beside_row:
        mov edi, vm_stack
        mov ebx, variables_beside
        jmp interpret

interpret:
        mov esi, program
        mov [ebx], ecx
        mov dword [ebx + 4], 0
        mov dword [ebx + 8], 0
        next

align 4
handlers:
        dd op_end, op_load, op_store, op_push, op_add, op_multiply, op_and, op_shift, op_jump, op_jump_zero, op_jump_one, op_decrement

op_end:
        mov eax, [ebx + 8]
        ret
op_load:
        movzx eax, byte [esi]
        inc esi
        mov eax, [ebx + eax * 4]
        mov [edi], eax
        add edi, 4
        next
op_store:
        movzx ecx, byte [esi]
        inc esi
        sub edi, 4
        mov eax, [edi]
        mov [ebx + ecx * 4], eax
        next
op_push:
        movsx eax, byte [esi]
        inc esi
        mov [edi], eax
        add edi, 4
        next
op_add:
        sub edi, 4
        mov eax, [edi]
        add [edi - 4], eax
        next
op_multiply:
        sub edi, 4
        mov eax, [edi - 4]
        imul eax, [edi]
        mov [edi - 4], eax
        next
op_and:
        sub edi, 4
        mov eax, [edi]
        and [edi - 4], eax
        next
op_shift:
        shr dword [edi - 4], 1
        next
op_jump:
        mov esi, [esi]
        next
op_jump_zero:
        sub edi, 4
        cmp dword [edi], 0
        je op_jump
        add esi, 4
        next
op_jump_one:
        sub edi, 4
        cmp dword [edi], 1
        je op_jump
        add esi, 4
        next
op_decrement:
        dec dword [edi - 4]
        next

; Steps of Collatz' sequence, added up over all starts from the amount (variable 0) down to 1.
; Variable 1 is the member of the sequence, 2 the sum.
end_code equ 0
load    equ 1
store   equ 2
push_   equ 3
add_    equ 4
multiply equ 5
and_    equ 6
shift   equ 7
jump    equ 8
jump_zero equ 9
jump_one equ 10
decrement equ 11
program:
        db load, 0, store, 1
.member:
        db load, 1, jump_one
        dd .one
        db load, 2, push_, 1, add_, store, 2
        db load, 1, push_, 1, and_, jump_zero
        dd .even
        db load, 1, push_, 3, multiply, push_, 1, add_, store, 1, jump
        dd .member
.even:
        db load, 1, shift, store, 1, jump
        dd .member
.one:
        db load, 0, decrement, store, 0, load, 0, jump_zero
        dd .end
        db jump
        dd program
.end:
        db end_code

align 4
variables_beside:
        dd 0, 0, 0

image_end:
