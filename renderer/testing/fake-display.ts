import { implement } from '@orpc/server';
import { contract } from '../../main/contract/contract.ts';
import type { AttachmentEventMessage, DisplayEventMessage, DisplayLogEntry, DisplayStateMessage, OutputStateMessage } from '../../main/contract/display.ts';

/** An output that is off. */
export function fakeOutput(output: number, part: Partial<OutputStateMessage> = {}): OutputStateMessage {
  return {
    output,
    properties: null,
    edid: new Uint8Array(0),
    edidFacts: [],
    edidRead: null,
    use: 'dark',
    shown: { width: 0, height: 0 },
    frames: 0,
    right: false,
    refusal: '',
    ...part,
  };
}

/** A display that is on. */
export function fakeProperties(width: number, height: number, part: Partial<NonNullable<OutputStateMessage['properties']>> = {}): NonNullable<OutputStateMessage['properties']> {
  return { width, height, millimetres: null, scale: 100, orientation: 0, depth: 32, refresh: 60, x: 0, y: 0, primary: false, ...part };
}

/** The displays of a machine, of which a test says what they are. */
export class FakeDisplay {
  state: DisplayStateMessage | null = {
    phase: 'idle',
    session: null,
    viewers: [],
    whenSessionEnds: 'run',
    generation: 1,
    outputs: Array.from({ length: 8 }, (_, output) => fakeOutput(output)),
    desktop: { x: 0, y: 0, width: 0, height: 0 },
    input: { keyboard: true, mouse: true, pointer: false, touchPoints: 0, pen: false },
    takesPositions: false,
    devices: [],
    memoryBytes: 32 << 20,
    rfb: null,
  };
  log: DisplayLogEntry[] = [];

  private readonly watchers = new Set<() => void>();
  private readonly attachments = new Set<() => void>();

  constructor(private readonly calls: string[]) {}

  /** The state becomes another, and who watches hears of it. */
  become(part: Partial<DisplayStateMessage>): void {
    if (this.state !== null) this.state = { ...this.state, ...part };
    for (const wake of [...this.watchers]) wake();
  }

  router() {
    const os = implement(contract).$context<Record<never, never>>();
    const event = (value: DisplayEventMessage): DisplayEventMessage => value;
    const attached = (value: AttachmentEventMessage): AttachmentEventMessage => value;
    const { calls, watchers, attachments } = this;
    const forEver = (signal: AbortSignal | undefined) =>
      new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
    const now = () => this.state;
    const log = () => this.log;
    return {
      watch: os.display.watch.handler(async function* ({ signal }) {
        yield event({ kind: 'state', state: now() });
        yield event({ kind: 'log', entries: log() });
        while (signal?.aborted !== true) {
          await new Promise<void>((resolve) => {
            watchers.add(resolve);
            signal?.addEventListener('abort', () => resolve(), { once: true });
          });
          watchers.clear();
          yield event({ kind: 'state', state: now() });
        }
      }),
      attach: os.display.attach.handler(async function* ({ input, signal }) {
        calls.push(`attach ${input.id} ${input.outputs.map(({ output, width, height }) => `${output}:${width}x${height}`).join(' ')}${input.onlyIfOn === true ? '' : ', also a suspended one'}`);
        yield attached({ kind: 'attached', attachment: 1, session: 1, role: input.role ?? 'holder', ignored: [] });
        await Promise.race([forEver(signal), new Promise<void>((resolve) => attachments.add(resolve))]);
      }),
      set: os.display.set.handler(({ input }) => {
        calls.push(`set ${input.id} ${input.outputs.map(({ output, width, height }) => `${output}:${width}x${height}`).join(' ')}`);
        return { ignored: [], generation: 2 };
      }),
      detach: os.display.detach.handler(() => {
        for (const end of attachments) end();
        attachments.clear();
      }),
      whenSessionEnds: os.display.whenSessionEnds.handler(({ input }) => {
        calls.push(`when session ends ${input.whenSessionEnds}`);
      }),
    };
  }
}
