/**
 * What the editor's worker assembles before anybody asks it to. The first assembly of a process takes four times as long as later ones, since all
 * of its code is run for the first time; so that happens while a person still reads, in pieces that keep no request waiting.
 */

/** Lines of each piece. */
export const PRACTICE = [500, 1000, 2000, 2000] as const;

/** A program of about so many lines, of the kind that people write. */
export function practiceProgram(lines: number): string {
  const text = [
    '        bits 32',
    '        org 0x1000',
    'LIMIT   equ 8',
    '%define place(n) (table + (n) * 4)',
    '%macro keep 2',
    '        push %1',
    '        push %2',
    '%endmacro',
  ];
  for (let number = 0; text.length < lines; number++) {
    text.push(
      `; Routine ${number}.`,
      `routine_${number}:`,
      '        push ebp',
      '        mov ebp, esp',
      '        keep ebx, esi',
      `        mov esi, [place(${number % 16})]`,
      '        mov ecx, LIMIT',
      '.next:  movzx ebx, byte [esi + ecx - 1]',
      '        add eax, ebx',
      `        cmp eax, 0x${(number * 31).toString(16)}`,
      '        ja .over',
      '        loop .next',
      `        mov [sum_${number}], ax`,
      '        jmp short .end',
      `.over:  call routine_${Math.max(0, number - 1)}`,
      '        lea edx, [eax * 4 + esi + 3]',
      '.end:   leave',
      '        ret',
      `sum_${number}: dd 0, 'text', ${number}, $ - routine_${number}`,
      '        align 4, db 0',
    );
  }
  text.push('table:', '%rep 16', '        dd 0', '%endrep');
  return text.join('\n');
}
