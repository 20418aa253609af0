/** Computers that are joined by cables which can be pulled: network namespaces of Linux. Needs root. */
import { spawnSync } from 'node:child_process';

function ip(...words: string[]): void {
  const { status, stderr, error } = spawnSync('ip', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${error?.message ?? stderr}`);
}

/** Why there can be no such network here; undefined if there can. */
export function noNetwork(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are Linux’s';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = `vitrine-try-${process.pid}`;
  try {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'add', 'x', 'type', 'veth', 'peer', 'name', 'y');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    spawnSync('ip', ['netns', 'del', name]);
  }
  return undefined;
}

/** Three computers, each joined to each: `a`, `b`, and `e`, which has one address for both. */
export class Triangle {
  readonly address = { ab: '10.77.3.1', ba: '10.77.3.2', e: '10.77.9.9' };
  readonly #names = { a: `vitrine-a-${process.pid}`, b: `vitrine-b-${process.pid}`, e: `vitrine-e-${process.pid}` };

  constructor() {
    for (const name of Object.values(this.#names)) ip('netns', 'add', name);
    try {
      for (const name of Object.values(this.#names)) ip('-n', name, 'link', 'set', 'lo', 'up');
      this.#cable('a', 'b', '10.77.3');
      this.#cable('a', 'e', '10.77.1');
      this.#cable('b', 'e', '10.77.2');
      ip('-n', this.#names.e, 'addr', 'add', `${this.address.e}/32`, 'dev', 'lo');
      this.#route('a', '10.77.1.2');
      this.#route('b', '10.77.2.2');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #cable(one: 'a' | 'b' | 'e', two: 'a' | 'b' | 'e', net: string): void {
    const [first, second] = [this.#names[one], this.#names[two]];
    ip('-n', first, 'link', 'add', `to-${two}`, 'type', 'veth', 'peer', 'name', `to-${one}`, 'netns', second);
    ip('-n', first, 'addr', 'add', `${net}.1/24`, 'dev', `to-${two}`);
    ip('-n', second, 'addr', 'add', `${net}.2/24`, 'dev', `to-${one}`);
    ip('-n', first, 'link', 'set', `to-${two}`, 'up');
    ip('-n', second, 'link', 'set', `to-${one}`, 'up');
  }

  #route(from: 'a' | 'b', via: string): void {
    ip('-n', this.#names[from], 'route', 'replace', this.address.e, 'via', via);
  }

  /** Words that run what follows them on that computer. */
  on(computer: 'a' | 'b' | 'e'): string[] {
    return ['ip', 'netns', 'exec', this.#names[computer]];
  }

  /** Pulls the cable or plugs it in. Nobody is told: packets are lost. */
  cable(one: 'a' | 'b', two: 'b' | 'e', isIn: boolean): void {
    ip('-n', this.#names[one], 'link', 'set', `to-${two}`, isIn ? 'up' : 'down');
    // A route goes with its cable.
    if (isIn && two === 'e') this.#route(one, one === 'a' ? '10.77.1.2' : '10.77.2.2');
  }

  /** A cable that is slow and has little room. */
  slow(one: 'a' | 'b', two: 'b' | 'e', isSlow: boolean): void {
    const words = ['-n', this.#names[one], 'qdisc', isSlow ? 'add' : 'del', 'dev', `to-${two}`, 'root', ...(isSlow ? ['tbf', 'rate', '2mbit', 'burst', '8k', 'latency', '300ms'] : [])];
    const { status, stderr } = spawnSync('tc', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`tc ${words.join(' ')}: ${stderr}`);
  }

  /** From a, packets to this port of b are lost, but for those that come from one of `spared`. */
  lose(port: number, spared: readonly number[], isLost: boolean): void {
    const rule = (...words: string[]) => ip('-n', this.#names.a, 'rule', isLost ? 'add' : 'del', 'ipproto', 'tcp', 'dport', String(port), ...words);
    for (const from of spared) rule('sport', String(from), 'priority', '5', 'lookup', 'main');
    rule('priority', '6', 'blackhole');
  }

  /** From which ports of a a process is connected to this port of b. */
  portsOf(pid: number, port: number): number[] {
    const { stdout } = spawnSync('ip', ['netns', 'exec', this.#names.a, 'ss', '-Htnp', 'state', 'established', 'dport', '=', `:${port}`], { encoding: 'utf8' });
    return stdout.split('\n').flatMap((line) => (line.includes(`pid=${pid},`) ? [Number(/:(\d+)\s+\S+:\d+\s/u.exec(line)?.[1])] : []));
  }

  close(): void {
    for (const name of Object.values(this.#names)) spawnSync('ip', ['netns', 'del', name]);
  }
}
