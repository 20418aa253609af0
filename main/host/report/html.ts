/** A report as one HTML file: nothing outside of it is needed, and its own policy lets nothing in. */
import type { Report } from '../../contract/report.ts';
import { REPORT_STYLE } from './html-style.ts';
import type { Block, Section } from './blocks.ts';
import { sectionsOf } from './sections.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text of the guest or of a person as text and nothing else; what no page may have becomes U+FFFD. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/gu, (character) => ENTITIES[character] ?? '').replace(/[^\P{C}\n\t]/gu, '\ufffd');
}

const e = escapeHtml;

function block(part: Block): string {
  switch (part.kind) {
    case 'heading':
      return `<h3>${e(part.text)}</h3>`;
    case 'text':
      return `<p>${e(part.text)}</p>`;
    case 'callout': {
      const [, lead = '', rest = part.text] = /^(Look at first:)(.*)$/su.exec(part.text) ?? [];
      return `<div class="callout">${lead === '' ? '' : `<b>${e(lead)}</b>`}${e(rest)}</div>`;
    }
    case 'list':
      return `<ul>${part.items.map((item) => `<li>${e(item)}</li>`).join('')}</ul>`;
    case 'chain':
      return `<ol class="chain">${part.steps
        .map(
          ({ title, tag, text, aside, isLast }, index) =>
            `<li${isLast ? ' class="last"' : ''}><span class="number">${index + 1}</span><div><b>${e(title)}</b> <span class="tag">${e(tag)}</span><p>${e(text)}</p></div><span class="aside">${e(aside)}</span></li>`,
        )
        .join('')}</ol>`;
    case 'facts':
      return `<table class="facts"><tbody>${part.rows.map(([name, value]) => `<tr><th scope="row">${e(name)}</th><td>${e(value)}</td></tr>`).join('')}</tbody></table>`;
    case 'table': {
      const head = part.columns.map((column) => `<th scope="col">${e(column)}</th>`).join('');
      const rows = part.rows.map((row) => `<tr>${row.map((cell) => `<td>${e(cell)}</td>`).join('')}</tr>`).join('\n');
      return `<div class="wide"><table class="${part.mono ? 'mono' : ''}"><thead><tr>${head}</tr></thead><tbody>\n${rows}\n</tbody></table></div>`;
    }
    case 'code':
      return `<pre class="wide" tabindex="0">${part.lines.map(({ text, isCurrent }) => (isCurrent === true ? `<mark>${e(text)}</mark>` : e(text))).join('\n')}</pre>`;
    case 'picture':
      return `<img class="screen" src="data:image/png;base64,${e(part.png)}" alt="${e(part.description)}">`;
  }
}

function section({ id, title, blocks }: Section): string {
  return `<section id="${e(id)}">\n<h2>${e(title)}</h2>\n${blocks.map(block).join('\n')}\n</section>`;
}

/** The moment as people read it, in universal time: a report travels. */
export function momentOf({ made }: Pick<Report, 'made'>): string {
  return `${made.at.slice(0, 10)} ${made.at.slice(11, 19)} UTC`;
}

export function renderHtml(report: Report): string {
  const { title, machine } = report;
  const sections = sectionsOf(report);
  const picture = report.display.outputs.find(({ png }) => png !== null)?.png ?? undefined;
  const contents = sections
    .map(({ id, title: name, amount }) => `<li><a href="#${e(id)}">${e(name)}</a> <span>${e(amount)}</span></li>`)
    .join('');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Vitrine ${e(report.made.vitrine)}">
<title>${e(`${machine.name}: ${title}`)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
<header>
<div><p class="kind">Vitrine debug report, version ${report.version}${report.redacted === null ? '' : ', redacted'}</p>
<h1>${e(title)}</h1>
<p class="about">${e(machine.name)}, ${e(momentOf(report))}</p></div>
${picture === undefined ? '' : `<img class="thumbnail" src="data:image/png;base64,${e(picture)}" alt="What the machine shows">`}
</header>
<nav aria-label="Contents"><ul>${contents}</ul></nav>
${sections.map(section).join('\n')}
<footer>Made by Vitrine ${e(report.made.vitrine)} from the report of ${e(momentOf(report))}.</footer>
</main>
</body>
</html>
`;
}
