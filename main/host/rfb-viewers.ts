/**
 * VNC viewers as clients of a machine's display sessions: each that comes asks for the machine, is its own display when it says what size it has, and
 * looks on where somebody else has the machine and it lets others be there. Main thread.
 */
import type { RfbListening, RfbViewerEvent } from '../../engine/machine/display-face.ts';
import type { Machine } from '../../engine/machine/machine.ts';
import type { AttachmentEventMessage, OutputRequestMessage, OutputStateMessage } from '../contract/display.ts';
import type { DisplaySessions } from './display-sessions.ts';
import { HostError } from './errors.ts';

export class RfbViewers {
  #machine: Machine | undefined;
  #unsubscribe: (() => void) | undefined;
  /** Where it listens; null: nowhere. */
  listening: { address: string; port: number; password: boolean } | null = null;
  /** Attachments by viewer; 0 while it is being made. */
  readonly #attachments = new Map<number, number>();

  constructor(
    private readonly displays: DisplaySessions,
    private readonly changed: () => void,
  ) {}

  begin(machine: Machine): void {
    this.#machine = machine;
    this.#unsubscribe = machine.on((event) => {
      if (event.kind === 'rfb') void this.#receive(machine, event.event);
    });
  }

  end(): void {
    this.#unsubscribe?.();
    this.#machine = undefined;
    this.#attachments.clear();
    this.listening = null;
  }

  /** Undefined: no more. Throws what the engine refuses. */
  async listen(wanted: RfbListening | undefined): Promise<void> {
    const machine = this.#machine;
    if (machine === undefined) throw new HostError('WRONG_STATE', 'The machine is off; start it first.');
    this.listening = null;
    const bound = await machine.listenRfb(wanted);
    if (this.#machine === machine && bound !== undefined) this.listening = { ...bound, password: wanted?.password !== undefined };
    this.changed();
  }

  async #receive(machine: Machine, event: RfbViewerEvent): Promise<void> {
    const { viewer } = event;
    switch (event.kind) {
      case 'joined':
        return this.#join(machine, viewer, event.address, event.shared);
      case 'left': {
        const attachment = this.#attachments.get(viewer);
        this.#attachments.delete(viewer);
        if (attachment !== undefined && attachment > 0) this.displays.detachQuietly(attachment);
        return;
      }
      case 'refused':
        this.displays.note('refuse', nameOf(event.address), `${nameOf(event.address)} was sent away: ${event.reason}.`);
        return;
      case 'resize':
        return this.#resize(machine, viewer, event.width, event.height);
    }
  }

  async #join(machine: Machine, viewer: number, address: string, shared: boolean): Promise<void> {
    const client = { id: `vnc-${viewer}`, name: nameOf(address) };
    // Until it says what it is, the displays stay what they are.
    const outputs = this.displays.state.outputs.flatMap(({ output, properties }): OutputRequestMessage[] => (properties === null ? [] : [requestOf(output, properties)]));
    const input = { keyboard: true, mouse: true, pointer: true };
    this.#attachments.set(viewer, 0);
    try {
      const stream = await this.displays.attach({ client, outputs, input, takeOver: !shared }).catch((error: unknown) => {
        if (!(error instanceof HostError) || error.code !== 'CONFLICT' || !shared) throw error;
        return this.displays.attach({ client, outputs, role: 'viewer' });
      });
      await this.#follow(machine, viewer, stream);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      await machine.answerRfb(viewer, { kind: 'end' });
    }
  }

  async #follow(machine: Machine, viewer: number, stream: AsyncGenerator<AttachmentEventMessage, void, void>): Promise<void> {
    for await (const event of stream) {
      if (event.kind === 'attached') {
        if (!this.#attachments.has(viewer)) {
          // It left before it was there.
          this.displays.detachQuietly(event.attachment);
          return;
        }
        this.#attachments.set(viewer, event.attachment);
        await machine.answerRfb(viewer, { kind: 'input', allowed: event.role === 'holder' });
      } else if (event.kind === 'ended') {
        this.#attachments.delete(viewer);
        await machine.answerRfb(viewer, { kind: 'end' });
      }
    }
  }

  async #resize(machine: Machine, viewer: number, asked: number, height: number): Promise<void> {
    const attachment = this.#attachments.get(viewer) ?? 0;
    // Windows have any width; displays have an even one.
    const width = asked & ~1;
    try {
      if (attachment === 0) throw new HostError('WRONG_STATE', 'It has no session.');
      await this.displays.set(attachment, [{ output: 0, width, height, primary: true }], undefined);
      await machine.answerRfb(viewer, { kind: 'resized', width, height });
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      const why = error.code !== 'BAD_INPUT' ? 'prohibited' : error.message.includes('memory') ? 'too-large' : 'invalid';
      await machine.answerRfb(viewer, { kind: 'not-resized', why });
    }
  }
}

const nameOf = (address: string): string => `VNC viewer ${address.replace(/^::ffff:/, '')}`.slice(0, 40);

function requestOf(output: number, properties: NonNullable<OutputStateMessage['properties']>): OutputRequestMessage {
  const { width, height, millimetres, scale, orientation, depth, refresh, x, y, primary } = properties;
  return {
    output,
    width,
    height,
    ...(millimetres === null ? {} : { widthMillimetres: millimetres.width, heightMillimetres: millimetres.height, estimated: millimetres.estimated }),
    scale,
    orientation,
    depth,
    refresh,
    x,
    y,
    primary,
  };
}
