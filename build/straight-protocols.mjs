/**
 * A plugin of the bundler: protocols between threads (engine/machine/atomic-step.ts) as straight code. The one text of a protocol is a generator, which the
 * model check explores step by step; a thread that merely runs it to its end pays for a generator and an object at each step. So each function
 * of the form
 *
 *   function* name(…): Protocol<…> { … yield { at, op: 'or', word, value } … yield* other(…) … }
 *
 * gets a second one beside it, `nameStraight(words, …)`, made of the same text with each step written as the Atomics call that `perform` would make; and
 * `run(words, name(…))` becomes `nameStraight(words, …)`. Whoever drives a protocol otherwise has the generator still. What this does not
 * understand is an error of the build, never another meaning. docs/decisions/0033.
 */
import { parseAst } from 'vite';

const suffix = 'Straight';
const memory = '$words';
const calls = {
  load: ['load', 'word'],
  store: ['store', 'word', 'value'],
  and: ['and', 'word', 'value'],
  or: ['or', 'word', 'value'],
  exchange: ['exchange', 'word', 'value'],
  compareExchange: ['compareExchange', 'word', 'expected', 'value'],
  notify: ['notify', 'word'],
};

/** All nodes below, the outer ones first; not into what `skips` says. */
function* nodesOf(node, skips = () => false) {
  if (node === null || typeof node !== 'object') return;
  if (Array.isArray(node)) {
    for (const each of node) yield* nodesOf(each, skips);
    return;
  }
  if (typeof node.type !== 'string') return;
  yield node;
  if (skips(node)) return;
  for (const [key, value] of Object.entries(node)) if (key !== 'type') yield* nodesOf(value, skips);
}

const isFunction = ({ type }) => type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression';
const returnsProtocol = (node) => node.returnType?.typeAnnotation?.typeName?.name === 'Protocol';

/** Text with pieces replaced. Of two edits of which one lies in the other the outer one counts: what it puts there was made after the inner one. */
class Text {
  constructor(code) {
    this.code = code;
    this.edits = [];
  }

  replace(start, end, by) {
    this.edits.push({ start, end, by });
  }

  /** From `start` to `end`, with the edits in between. */
  piece(start = 0, end = this.code.length) {
    let at = start;
    let result = '';
    for (const edit of this.edits.filter((each) => each.start >= start && each.end <= end).sort((a, b) => a.start - b.start || b.end - a.end)) {
      if (edit.start < at) continue;
      result += this.code.slice(at, edit.start) + edit.by;
      at = edit.end;
    }
    return result + this.code.slice(at, end);
  }
}

/** `code` of a TypeScript module with straight protocols; undefined: it has none, and runs none. */
export function straighten(code, id) {
  if (!/\bfunction\*.*\bProtocol\b|\brun\(/.test(code)) return undefined;
  const program = parseAst(code, { lang: 'ts' });
  const refuse = (node, why) => {
    const line = code.slice(0, node.start).split('\n').length;
    throw new Error(`${id}:${line}: ${why} (build/straight-protocols.mjs).`);
  };
  const imports = new Map();
  for (const statement of program.body.filter(({ type, importKind }) => type === 'ImportDeclaration' && importKind !== 'type')) {
    for (const specifier of statement.specifiers) if (specifier.type === 'ImportSpecifier' && specifier.importKind !== 'type') imports.set(specifier.local.name, { statement, specifier });
  }
  const isRun = (node) =>
    node.type === 'CallExpression' && node.callee.type === 'Identifier' && node.callee.name === 'run' && (imports.get('run')?.statement.source.value ?? '').endsWith('/atomic-step.ts');
  const declared = program.body
    .map((statement) => ({ isExported: statement.type === 'ExportNamedDeclaration', node: statement.declaration ?? statement }))
    .filter(({ node }) => node?.type === 'FunctionDeclaration' && node.generator && returnsProtocol(node));
  const own = new Set(declared.map(({ node }) => node.id.name));
  const wanted = new Set();
  const straightName = (call) => {
    if (call.type !== 'CallExpression' || call.callee.type !== 'Identifier') return undefined;
    const { name } = call.callee;
    if (!own.has(name)) {
      if (!imports.has(name)) return undefined;
      wanted.add(name);
    }
    return `${name}${suffix}`;
  };

  const text = new Text(code);
  /** Replaces what is inside of `node` first; gives its text. */
  const rewritten = (node) => {
    rewrite(node);
    return text.piece(node.start, node.end);
  };
  const step = (node) => {
    const object = node.argument;
    if (object?.type !== 'ObjectExpression') refuse(node, 'a step of a protocol is written as an object');
    const fields = new Map();
    for (const property of object.properties) {
      if (property.type !== 'Property' || property.computed || property.key.type !== 'Identifier') refuse(property, 'a step of a protocol has plain fields');
      fields.set(property.key.name, property.value);
    }
    const op = fields.get('op')?.value;
    if (op === 'wait' || op === 'any') return `perform(${memory}, ${text.piece(object.start, object.end)})`;
    const call = calls[op];
    if (call === undefined) refuse(node, `there is no operation "${String(op)}"`);
    const values = call.slice(1).map((field) => {
      const value = fields.get(field);
      if (value === undefined) refuse(node, `"${op}" takes "${field}"`);
      return rewritten(value);
    });
    const result = `Atomics.${call[0]}(${[memory, ...values].join(', ')})`;
    return op === 'store' || op === 'notify' ? `(${result}, 0)` : result;
  };
  function rewrite(node) {
    for (const each of nodesOf(node, (inner) => inner.type === 'YieldExpression' || (inner !== node && isFunction(inner)))) {
      if (each.type === 'YieldExpression') {
        if (!each.delegate) text.replace(each.start, each.end, step(each));
        else {
          const name = straightName(each.argument);
          text.replace(each.start, each.end, name === undefined ? `run(${memory}, ${rewritten(each.argument)})` : `${name}(${[memory, ...each.argument.arguments.map(rewritten)].join(', ')})`);
        }
      }
    }
  }

  const copies = declared.map(({ node, isExported }) => {
    rewrite(node.body);
    const params = node.params.length === 0 ? '' : `, ${code.slice(node.params[0].start, node.params.at(-1).end)}`;
    const { typeArguments } = node.returnType.typeAnnotation;
    const result = typeArguments === null || typeArguments === undefined ? 'void' : code.slice(typeArguments.params[0].start, typeArguments.params[0].end);
    const body = text.piece(node.body.start, node.body.end);
    return `${isExported ? 'export ' : ''}function ${node.id.name}${suffix}(${memory}: Int32Array<SharedArrayBuffer>${params}): ${result} ${body}`;
  });
  text.edits = [];
  const rewriteRuns = (node) => {
    for (const each of nodesOf(node, isRun)) {
      if (!isRun(each)) continue;
      rewriteRuns(each.arguments);
      const [words, protocol] = each.arguments;
      const name = protocol === undefined ? undefined : straightName(protocol);
      if (name === undefined) continue;
      const args = [words, ...protocol.arguments].map(({ start, end }) => text.piece(start, end));
      text.replace(each.start, each.end, `${name}(${args.join(', ')})`);
    }
  };
  rewriteRuns(program.body);
  for (const name of wanted) {
    const { specifier } = imports.get(name);
    if (specifier.imported.name !== name) refuse(specifier, 'a protocol is imported by its own name');
    text.replace(specifier.start, specifier.end, `${name}, ${name}${suffix}`);
  }
  if (text.edits.length === 0 && copies.length === 0) return undefined;
  const helpers = copies.some((copy) => copy.includes(`perform(${memory}`)) && !imports.has('perform') ? ['perform'] : [];
  if (copies.some((copy) => copy.includes(`run(${memory}`)) && !imports.has('run')) helpers.push('run');
  const from = program.body.find(({ type, source }) => type === 'ImportDeclaration' && source.value.endsWith('/atomic-step.ts'))?.source.value;
  if (helpers.length > 0 && from === undefined) refuse(program, 'a protocol has its type from atomic-step.ts');
  const added = helpers.length === 0 ? [] : [`import { ${helpers.join(', ')} } from '${from}';`];
  return [text.piece(), ...added, ...copies].join('\n');
}

export function straightProtocols() {
  return {
    name: 'straight-protocols',
    enforce: 'pre',
    transform: {
      filter: { id: /\/engine\/.*\.ts$/ },
      handler(code, id) {
        const result = straighten(code, id);
        return result === undefined ? undefined : { code: result, map: null };
      },
    },
  };
}
