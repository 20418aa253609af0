/** A report as Markdown (CommonMark with GitHub's tables), for an issue tracker. Whatever the guest wrote stays text. */
import type { Report } from '../../contract/report.ts';
import { momentOf } from './html.ts';
import type { Block } from './blocks.ts';
import { sectionsOf } from './sections.ts';

/** Text without meaning: no Markdown, no HTML, nobody who is called by name, no link that a tracker makes on its own. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[^\P{C}\n\t]/gu, '\ufffd')
    .replace(/&/gu, '&amp;')
    .replace(/[\\`*_{}[\]<>|~$]/gu, '\\$&')
    .replace(/^(\s*)([-+#=])/gmu, '$1\\$2')
    .replace(/^(\s*\d+)([.)])/gmu, '$1\\$2')
    .replace(/[@#](?=\w)/gu, '$&&#8203;')
    .replace(/(https?|ftp|www)(?=[:.])/giu, '$1&#8203;');
}

const cell = (text: string): string => escapeMarkdown(text).replace(/\s*\n\s*/gu, ' ');

/** A block of code whose fence is longer than any that is in it. */
function fenced(lines: readonly string[]): string {
  const text = lines.join('\n').replace(/[^\P{C}\n\t]/gu, '\ufffd');
  const longest = Math.max(2, ...[...text.matchAll(/`+/gu)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(columns), `|${columns.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n');
}

function block(part: Block): string {
  switch (part.kind) {
    case 'heading':
      return `### ${cell(part.text)}`;
    case 'text':
      return escapeMarkdown(part.text);
    case 'callout':
      return `> **${cell(part.text)}**`;
    case 'list':
      return part.items.map((item) => `- ${cell(item)}`).join('\n');
    case 'chain':
      return part.steps
        .map(
          ({ title, tag, text, aside }, index) =>
            `${index + 1}. **${cell(title)}**, ${cell(tag)}. ${cell(text)}${aside === '' ? '' : ` ${cell(aside)}`}`,
        )
        .join('\n');
    case 'facts':
      return table(['', ''], part.rows);
    case 'table':
      return table(part.columns, part.rows);
    case 'code':
      return fenced(part.lines.map(({ text, isCurrent }) => (isCurrent === true ? `${text}   <--` : text)));
    case 'picture':
      return `*${cell(part.description)}: the picture is in the HTML and in the JSON.*`;
  }
}

export function renderMarkdown(report: Report): string {
  const { title, machine, redacted } = report;
  const head = `# ${cell(`${machine.name}: ${title}`)}\n\nVitrine debug report, version ${report.version}${redacted === null ? '' : ', redacted'}; ${cell(momentOf(report))}.`;
  const sections = sectionsOf(report).map(({ title: name, blocks }) => `## ${cell(name)}\n\n${blocks.map(block).join('\n\n')}`);
  return `${[head, ...sections].join('\n\n')}\n`;
}
