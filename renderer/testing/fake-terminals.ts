import { implement } from '@orpc/server';
import { contract } from '../../main/contract/contract.ts';
import type { GdbServerMessage } from '../../main/contract/debug.ts';
import type { TerminalEventMessage } from '../../main/contract/terminal.ts';

/** Terminals of a fake host: gdb says what a test has it say. */
export class FakeTerminals {
  refusal: string | undefined;
  /** What gdb says, and then nothing more. */
  readonly said: TerminalEventMessage[] = [];

  constructor(private readonly calls: string[]) {}

  router() {
    const os = implement(contract).$context<Record<never, never>>().desktop.terminals;
    return {
      gdb: os.gdb.handler(({ input: { id, columns, rows }, signal, errors }) => {
        if (this.refusal !== undefined) throw errors.NOT_SUPPORTED({ message: this.refusal });
        this.calls.push(`gdb ${id} ${columns}x${rows}`);
        signal?.addEventListener('abort', () => this.calls.push(`gdb ${id} ended`));
        return this.speak();
      }),
      write: os.write.handler(({ input }) => void this.calls.push(`typed ${new TextDecoder().decode(input.bytes)}`)),
      resize: os.resize.handler(({ input }) => void this.calls.push(`size ${input.columns}x${input.rows}`)),
    };
  }

  /** The gdb server of the machine: off until it is started. */
  server() {
    const os = implement(contract).$context<Record<never, never>>().debug.gdb;
    let server: GdbServerMessage | null = null;
    const lines = { gdb: 'gdb -ex …', vscode: '{}', ghidra: 'Ghidra …', ida: 'IDA …' };
    return {
      get: os.get.handler(() => server),
      start: os.start.handler(() => (server = { host: '127.0.0.1', port: 1234, attached: false, lines })),
    };
  }

  private async *speak(): AsyncGenerator<TerminalEventMessage, void, void> {
    yield { kind: 'opened', terminal: 7, line: 'gdb' };
    yield* this.said;
    if (this.said.at(-1)?.kind !== 'ended') await new Promise<void>(() => undefined);
  }
}
