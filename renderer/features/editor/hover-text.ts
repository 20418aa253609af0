/** What the assembler says of a word, in Markdown. */
import type { DescribedInstruction, Hover } from './assembly.worker.ts';

const MOST_FORMS = 8;

/** A number of 64 bits as people compare it. */
export function numberText(value: bigint): string {
  const unsigned = BigInt.asUintN(value < 0n && value >= -0x8000_0000n ? 32 : 64, value);
  const character = value >= 0x20n && value < 0x7fn ? `, '${String.fromCharCode(Number(value))}'` : '';
  const binary = unsigned < 0x1_0000n ? `, ${unsigned.toString(2)}b` : '';
  return `0x${unsigned.toString(16)}, ${value}${binary}${character}`;
}

const code = (text: string): string => `\`${text.replaceAll('`', "'")}\``;

function flagLines({ reads, writes, undefined: left }: DescribedInstruction): string {
  const parts = [
    reads === '' ? '' : `reads ${reads}`,
    writes === '' ? '' : `writes ${writes}`,
    left === '' ? '' : `leaves ${left} undefined`,
  ].filter((part) => part !== '');
  return `Flags: ${parts.length === 0 ? 'none read, none written' : parts.join('; ')}.`;
}

export function instructionText(instruction: DescribedInstruction): string {
  const { mnemonic, aliases, summary, forms, remarks } = instruction;
  const width = Math.max(...forms.slice(0, MOST_FORMS).map(({ operands }) => operands.length), 0);
  const rows = forms.slice(0, MOST_FORMS).map(({ operands, encoding }) => `${mnemonic} ${operands.padEnd(width)}  ; ${encoding}`);
  const more = forms.length > MOST_FORMS ? `\n; and ${forms.length - MOST_FORMS} more` : '';
  const names = aliases.length === 0 ? '' : ` (also ${aliases.join(', ')})`;
  return [
    `**${mnemonic}**${names}: ${summary}.`,
    `\`\`\`nasm\n${rows.join('\n')}${more}\n\`\`\``,
    [flagLines(instruction), ...remarks].join(' '),
  ].join('\n\n');
}

export function hoverText(hover: Hover): string[] {
  switch (hover.kind) {
    case 'instruction':
      return hover.instructions.map(instructionText);
    case 'word':
      return [`**${hover.word}**: ${hover.summary}.`];
    case 'number':
      return [code(numberText(hover.value))];
    case 'name': {
      const { name, definition, value, section } = hover;
      const what = section === undefined ? 'value' : `address in ${section}`;
      const where = definition === undefined ? '' : `Defined in ${definition.file}, line ${definition.line}.`;
      const kind = definition?.kind === 'macro' ? 'macro' : definition?.kind === 'define' ? 'defined name' : undefined;
      return [
        [
          `**${name}**${kind === undefined ? '' : `: ${kind}`}`,
          value === undefined ? '' : `${what} ${code(numberText(value))}`,
          where,
        ]
          .filter((part) => part !== '')
          .join('  \n'),
      ];
    }
  }
}
