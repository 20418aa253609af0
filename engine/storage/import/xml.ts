/** As much of XML as appliance descriptions use: elements, attributes, text. No document types and no entities of one's own. */
import { StorageError } from '../block-device.ts';

export interface XmlElement {
  /** Without its prefix. */
  name: string;
  /** By name without prefix. */
  attributes: ReadonlyMap<string, string>;
  children: XmlElement[];
  /** Its own text, trimmed. */
  text: string;
}

const mostBytes = 4 << 20;
const deepest = 64;
const mostElements = 100_000;
const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

const local = (name: string): string => name.slice(name.indexOf(':') + 1);

function plain(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return entities[name] ?? whole;
    const code = name[1]?.toLowerCase() === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** The root element. `path` is for messages. Throws StorageError 'corrupt' or 'unsupported'. */
export function readXml(path: string, text: string): XmlElement {
  const wrong = (what: string): StorageError => new StorageError('corrupt', `${path} is damaged: its description ${what}.`);
  if (text.length > mostBytes)
    throw new StorageError('unsupported', `${path} cannot be taken over: its description is far too long.`);
  const root: XmlElement = { name: '', attributes: new Map(), children: [], text: '' };
  const open: XmlElement[] = [root];
  let count = 0;
  const token =
    /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<!|<\/\s*([^\s>]+)\s*>|<([^\s/>!?]+)((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>|<|[^<]+/g;
  for (const [whole, data, closing, opening, attributes, empty] of text.matchAll(token)) {
    const top = open.at(-1) ?? root;
    if (data !== undefined) top.text += data;
    else if (whole.startsWith('<!--') || whole.startsWith('<?')) continue;
    else if (whole === '<!')
      throw new StorageError('unsupported', `${path} cannot be taken over: its description declares a document type.`);
    else if (whole === '<') throw wrong('ends within a tag');
    else if (closing !== undefined) {
      if (open.length < 2 || top.name !== local(closing)) throw wrong(`closes ${closing}, which is not open`);
      top.text = top.text.trim();
      open.pop();
    } else if (opening !== undefined) {
      if (++count > mostElements || open.length > deepest) throw wrong('has too many elements');
      const found = new Map<string, string>();
      for (const [, name, double, single] of (attributes ?? '').matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g))
        found.set(local(name ?? ''), plain(double ?? single ?? ''));
      const element: XmlElement = { name: local(opening), attributes: found, children: [], text: '' };
      top.children.push(element);
      if (empty === '') open.push(element);
    } else top.text += plain(whole);
  }
  const [first] = root.children;
  if (open.length !== 1 || !first) throw wrong(open.length > 1 ? `does not close ${open.at(-1)?.name ?? ''}` : 'is empty');
  return first;
}

/** All elements of a name below one, in the order of the text. */
export function descendants(element: XmlElement, name: string): XmlElement[] {
  return element.children.flatMap((child) => [...(child.name === name ? [child] : []), ...descendants(child, name)]);
}
