/**
 * The direction of knowledge (docs/decisions/0001, architecture section 1) as an ESLint rule. A layer is a folder; it may import
 * itself and what is listed for it, and nothing else of this project. Unit tests (`*.spec.ts`, `testing/`) may reach further.
 */
import path from 'node:path';

/** Layer → layers it may import. `a/b.ts` stands for that file alone. The first layer whose folder holds a file is the file's. */
export const LAYERS = {
  'engine/layout': [],
  'engine/wasm': [],
  'engine/isa': ['engine/wasm', 'engine/layout'],
  'engine/execute': ['engine/isa', 'engine/wasm', 'engine/layout'],
  'engine/cpu': ['engine/execute', 'engine/isa', 'engine/layout'],
  'engine/machine': ['engine/cpu', 'engine/execute', 'engine/isa', 'engine/layout', 'engine/storage'],
  'engine/chipset': ['engine/layout', 'engine/machine/bus.ts', 'engine/machine/boot-context.ts', 'engine/machine/display-face.ts', 'assets/fonts'],
  'engine/display': ['engine/layout', 'engine/machine/bus.ts', 'engine/machine/machine.ts', 'engine/machine/display-face.ts', 'engine/chipset/vga'],
  'engine/firmware': ['engine/layout', 'engine/machine/machine.ts', 'engine/machine/boot-context.ts'],
  'engine/assembler': ['engine/isa'],
  'engine/smm': ['engine/machine', 'engine/cpu', 'engine/isa', 'engine/layout'],
  'engine/peek': ['engine/machine', 'engine/cpu', 'engine/isa', 'engine/layout'],
  'engine/guard': ['engine/machine', 'engine/cpu', 'engine/isa', 'engine/layout'],
  'engine/tolerance': ['engine/machine', 'engine/cpu', 'engine/isa', 'engine/layout'],
  'engine/storage': ['engine/layout'],
  'engine/network': ['engine/layout'],
  'engine/debug': [
    'engine/machine',
    'engine/cpu',
    'engine/execute',
    'engine/isa',
    'engine/layout',
    'engine/assembler',
    'engine/smm',
    'engine/peek',
    'engine/guard',
    'engine/display',
    'engine/tolerance',
  ],
  'main/contract': [],
  'main/host': ['main/contract', 'engine'],
  'main/app': ['main/host', 'main/contract'],
  'main/server': ['main/host', 'main/contract'],
  'main/cli': ['main/host', 'main/contract'],
  renderer: ['main/contract'],
  build: [],
  test: ['engine', 'main', 'renderer', 'build'],
};

/** Single files that join layers: what they may import beyond their layer. */
export const JOINTS = {
  'engine/firmware/own-bios.ts': ['engine/assembler', 'assets/fonts'],
  'engine/machine/chips.ts': ['engine/chipset', 'engine/display'],
  'engine/machine/machine-reset.ts': ['engine/firmware/plan.ts', 'engine/guard', 'engine/smm'],
  'engine/machine/output-service.ts': ['engine/guard'],
  'engine/machine/service.ts': ['engine/peek', 'engine/smm', 'engine/guard'],
  'engine/machine/service-worker.ts': ['engine/firmware', 'engine/display', 'engine/peek', 'engine/smm', 'engine/tolerance'],
  'engine/machine/vcpu-thread.ts': ['engine/smm'],
  'engine/machine/vcpu-worker.ts': ['engine/peek', 'engine/smm', 'engine/guard'],
  'engine/machine/virtual-machine.ts': ['engine/firmware/plan.ts', 'engine/guard/alert.ts'],
  'main/app/preload.ts': [],
  // `vitrine serve` is how the headless front is started.
  'main/cli/serve-command.ts': ['main/server'],
};

/** The editor's worker may use the instruction table and the assembler, which are pure. */
const EDITOR_WORKER = /^renderer\/features\/editor\/[^/]+\.worker\.ts$/;
const TEST_FILE = /\.spec\.ts$|\/testing\//;

/** Packages that belong to one part of the house. */
const PACKAGES = [
  { name: /^electron(\/|-|$)/, only: /^(main\/app|test\/e2e|build)\// },
  { name: /^(vue|pinia|vue-router|reka-ui|dockview|@novnc\/|@xterm\/|@lucide\/)/, only: /^(renderer|build|test\/bench)\// },
  { name: /^node:/, only: /^(engine|main|build|test)\// },
];

const within = (file, place) => file === place || file.startsWith(`${place}/`);

/** Why `from` may not import `to` (paths from the root, with `/`), or undefined. */
export function layerViolation(from, to) {
  if (TEST_FILE.test(from)) return undefined;
  const layer = Object.keys(LAYERS).find((name) => within(from, name));
  if (layer === undefined || within(to, layer)) return undefined;
  const allowed = [...LAYERS[layer], ...(JOINTS[from] ?? []), ...(EDITOR_WORKER.test(from) ? ['engine/isa', 'engine/assembler'] : [])];
  if (allowed.some((place) => within(to, place))) return undefined;
  const may = allowed.length > 0 ? `it may know ${allowed.join(', ')}` : 'it may know no other part';
  return `${layer} may not import ${to}: ${may}.`;
}

/** Why `from` may not import the package `name`, or undefined. */
export function packageViolation(from, name) {
  if (TEST_FILE.test(from)) return undefined;
  const rule = PACKAGES.find((entry) => entry.name.test(name));
  if (rule === undefined || rule.only.test(from) || !from.includes('/')) return undefined;
  return `${from.split('/').slice(0, 2).join('/')} may not import the package ${name}.`;
}

/** The ESLint plugin. */
export const layers = {
  rules: {
    direction: {
      meta: { type: 'problem', schema: [], messages: { wrong: '{{why}}' } },
      create(context) {
        const from = path.relative(context.cwd, context.filename).split(path.sep).join('/');
        const check = (source) => {
          if (source?.type !== 'Literal' || typeof source.value !== 'string') return;
          const specifier = source.value.split('?')[0];
          const why = specifier.startsWith('.')
            ? layerViolation(from, path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier)))
            : packageViolation(from, specifier);
          if (why !== undefined) context.report({ node: source, messageId: 'wrong', data: { why } });
        };
        return {
          ImportDeclaration: (node) => check(node.source),
          ExportNamedDeclaration: (node) => check(node.source),
          ExportAllDeclaration: (node) => check(node.source),
          ImportExpression: (node) => check(node.source),
          TSImportType: (node) => check(node.source ?? node.argument?.literal),
        };
      },
    },
  },
};
