/** docs/benchmarks.md, of which each benchmark writes its own section and leaves the others. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../build/prepare.mjs';

const PAGE = path.join(ROOT, 'docs/benchmarks.md');
const TITLE = '# Benchmarks\n\nEach section is written by the command it names.\n';

const begin = (name) => `<!-- section ${name} -->\n`;
const END = '<!-- end of section -->\n';

/** The page with the section's text in the place it had; a new section goes to the end. */
export function withSection(page, name, text) {
  const section = `${begin(name)}\n${text.trim()}\n\n${END}`;
  const from = page.indexOf(begin(name));
  if (from < 0) return `${page.trimEnd()}\n\n${section}`;
  const to = page.indexOf(END, from);
  if (to < 0) throw new Error(`The section ${name} of docs/benchmarks.md has no end.`);
  return page.slice(0, from) + section + page.slice(to + END.length);
}

/** Writes a section of docs/benchmarks.md. */
export function writeSection(name, text) {
  writeFileSync(PAGE, withSection(existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : TITLE, name, text));
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
