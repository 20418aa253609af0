import { good, type Checker } from './checker.ts';

/** The oldest that `engines.node` allows. */
const OLDEST = [20, 19] as const;

export const nodeVersion: Checker = {
  id: 'node-version',
  category: 'host',
  title: 'Node.js',
  check() {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const enough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
    if (enough) return good(`Node.js ${process.versions.node} with V8 ${process.versions.v8}.`);
    return {
      outcome: 'bad',
      description: `Node.js ${process.versions.node} is older than ${OLDEST.join('.')}, which Vitrine needs.`,
      fixes: [`Install Node.js ${OLDEST.join('.')} or newer.`],
    };
  },
};
