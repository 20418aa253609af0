/** A program of so many lines as people write them: code with jumps and memory, data, comments, local labels, a macro and a constant. */
export function programOf(lines) {
  const text = [
    '        bits 32',
    '        org 0x100000',
    'LIMIT   equ 64',
    '%define entry(n) (table + (n) * 4)',
    '%macro save 2',
    '        push %1',
    '        push %2',
    '%endmacro',
  ];
  for (let number = 0; text.length < lines - 4; number++) {
    text.push(
      `; Function ${number}: sums a part of the table.`,
      `function_${number}:`,
      '        push ebp',
      '        mov ebp, esp',
      '        save ebx, esi',
      `        mov esi, [entry(${number % 16})]`,
      '        xor eax, eax                    ; the sum',
      '        mov ecx, LIMIT',
      '.next:  movzx ebx, byte [esi + ecx - 1]',
      '        add eax, ebx',
      `        cmp eax, 0x${((number * 7919) % 65536).toString(16)}`,
      '        ja .over',
      '        dec ecx',
      '        jnz .next',
      `        mov [total_${number}], eax`,
      '        jmp .end',
      '.over:  mov dword [ebp - 8], 1',
      `        call function_${Math.max(0, number - 1)}`,
      `        lea edi, [total_${number} + eax * 4]`,
      `        or byte [flags + ${number % 32}], 1 << ${number % 8}`,
      '.end:   pop esi',
      '        pop ebx',
      '        leave',
      '        ret',
      `total_${number}: dd 0, ${number}, 'text'`,
      `name_${number}: db "function ${number}", 0`,
    );
  }
  text.length = lines - 3;
  return [...text, 'table:  times 16 dd 0', 'flags:  times 32 db 0', '        dd function_0', ''].join('\n');
}
