import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const PROGRAM = path.resolve(import.meta.dirname, '../../out/cli/vitrine.js');

export interface Ended {
  status: number | null;
  out: string;
  err: string;
}

/** A folder with a library in it, and the built program run on that library, as a person would. */
export class CommandLine {
  private constructor(
    readonly folder: string,
    readonly library: string,
    /** Words in front of the program: a command that runs the rest of its line, as in a network namespace. */
    private readonly within: readonly string[] = [],
    private readonly program = PROGRAM,
  ) {}

  static async open(within: readonly string[] = []): Promise<CommandLine> {
    const folder = await mkdtemp(path.join(tmpdir(), 'vitrine-cli-'));
    return new CommandLine(folder, path.join(folder, 'library'), within);
  }

  /** The same folder, with the library elsewhere. */
  withLibrary(library: string): CommandLine {
    return new CommandLine(this.folder, library, this.within, this.program);
  }

  /** The same library, by another build of the program. */
  withProgram(program: string): CommandLine {
    return new CommandLine(this.folder, this.library, this.within, program);
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  at(name: string): string {
    return path.join(this.folder, name);
  }

  begin(...words: string[]) {
    const environment: NodeJS.ProcessEnv = { ...process.env, VITRINE_LIBRARY: this.library };
    delete environment['VITRINE_DEBUG'];
    const [program = '', ...all] = [...this.within, process.execPath, this.program, ...words];
    const child = spawn(program, all, { env: environment, cwd: this.folder, stdio: ['pipe', 'pipe', 'pipe'] });
    const said = { out: '', err: '' };
    child.stdout.on('data', (bytes: Buffer) => (said.out += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (said.err += bytes.toString()));
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve({ status, ...said }));
    });
    return { child, said, ended };
  }

  async run(...words: string[]): Promise<Ended> {
    const { child, ended } = this.begin(...words);
    child.stdin.end();
    return ended;
  }
}
