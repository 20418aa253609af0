import { describe, expect, it } from 'vitest';
import type { MachineConfiguration } from '../../engine/machine/machine.ts';
import type { AttachmentEventMessage, DisplayLogEntry, OutputRequestMessage } from '../contract/display.ts';
import { DisplaySessions } from './display-sessions.ts';
import { FakeMachine } from './testing/fake-machine.ts';

const configuration: MachineConfiguration = { name: 'Desks', cpus: 1, memoryBytes: 1 << 20, clock: 'wall', boot: { kind: 'boot-sector', image: new Uint8Array(512) } };
const window = (output: number, width: number, height = 600, more: Partial<OutputRequestMessage> = {}): OutputRequestMessage => ({ output, width, height, ...more });

class Desk {
  readonly machine = new FakeMachine(configuration);
  readonly log: DisplayLogEntry[] = [];
  whenEnds: 'suspend' | 'run' = 'suspend';
  readonly sessions;

  constructor(handOver = 0) {
    this.sessions = new DisplaySessions({ user: 'ada', whenEnds: () => this.whenEnds, handOver, write: (entry) => this.log.push(entry) });
  }

  static async on(handOver = 0): Promise<Desk> {
    const desk = new Desk(handOver);
    await desk.machine.start();
    desk.sessions.begin(desk.machine);
    await desk.sessions.settled();
    return desk;
  }

  async attach(client: string, outputs: OutputRequestMessage[], more: { takeOver?: boolean; role?: 'holder' | 'viewer' } = {}) {
    const stop = new AbortController();
    const stream = await this.sessions.attach({ client: { id: client, name: client }, outputs, ...more }, stop.signal);
    const first = await stream.next();
    const event = first.value as Extract<AttachmentEventMessage, { kind: 'attached' }>;
    await this.settle();
    return { ...event, stream, lose: () => stop.abort() };
  }

  /** Until nothing happens by itself any more. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) {
      await this.sessions.settled();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  sizes(): string {
    return (this.machine.configured.at(-1)?.properties.outputs ?? []).flatMap((output, index) => (output ? [`${index}:${output.width}x${output.height}+${output.x}`] : [])).join(' ');
  }
}

describe('display sessions of a machine', () => {
  it('configure it before it goes on, for one client after the other, on the same machine', async () => {
    const desk = await Desk.on();
    const first = await desk.attach('desk', [window(0, 1280)]);
    expect([first.session, desk.sessions.state.phase, desk.sizes()]).toEqual([1, 'live', '0:1280x600+0']);
    desk.sessions.detach(first.attachment);
    await desk.settle();
    expect([desk.machine.state, desk.sessions.state.phase]).toEqual(['paused', 'suspended']);
    const second = await desk.attach('laptop', [window(0, 1920)]);
    expect([second.session, desk.machine.state, desk.sizes()]).toEqual([2, 'running', '0:1920x600+0']);
    expect(desk.machine.configured.at(-1)).toMatchObject({ state: 'paused', session: 2 });
    second.lose();
    await desk.settle();
    expect(desk.machine.state).toBe('paused');
    expect(desk.log.map(({ what }) => what)).toEqual(['open', 'detect', 'configure', 'resume', 'frame', 'end', 'suspend', 'open', 'detect', 'configure', 'resume', 'frame', 'end', 'suspend']);
  });

  it('have one output a window, side by side, and lose only that of a window that closes', async () => {
    const desk = await Desk.on();
    await desk.attach('app', [window(0, 1280)]);
    const second = await desk.attach('app', [window(1, 640)]);
    expect([second.session, desk.sizes()]).toEqual([1, '0:1280x600+0 1:640x600+1280']);
    await desk.sessions.set(second.attachment, [window(1, 800)], undefined);
    expect(desk.sizes()).toBe('0:1280x600+0 1:800x600+1280');
    await expect(desk.attach('app', [window(1, 300)])).rejects.toThrow('Output 1 is in another window already.');
    desk.sessions.detach(second.attachment);
    await desk.settle();
    expect([desk.sizes(), desk.machine.state]).toEqual(['0:1280x600+0', 'running']);
  });

  it('refuse what is beyond the limits as a whole, and keep why', async () => {
    const desk = await Desk.on();
    const { attachment } = await desk.attach('desk', [window(0, 1280)]);
    const before = desk.machine.configured.length;
    await expect(desk.sessions.set(attachment, [window(0, 801)], undefined)).rejects.toThrow('the width is even');
    await expect(desk.sessions.set(attachment, [window(1, 4000, 4000)], undefined)).rejects.toThrow('The outputs need');
    await expect(desk.attach('desk', [window(1, 100)])).rejects.toThrow('cannot have a width of 100');
    await expect(desk.attach('laptop', [window(0, 8194)], { takeOver: true })).rejects.toThrow('cannot have a width');
    expect([desk.machine.configured.length, desk.sizes(), desk.sessions.state.session?.client]).toEqual([before, '0:1280x600+0', 'desk']);
    expect(desk.log.filter(({ what }) => what === 'refuse')).toHaveLength(4);
    const { ignored } = await desk.sessions.set(attachment, [window(0, 1280, 600, { scale: 900 })], undefined);
    expect(ignored).toEqual(['Output 0: a scale of 900 was ignored; 100 to 500 % count.']);
  });

  it('let a second client look on or take over', async () => {
    const desk = await Desk.on();
    const first = await desk.attach('desk', [window(0, 1280)]);
    await expect(desk.attach('laptop', [window(0, 1920)])).rejects.toMatchObject({ code: 'CONFLICT' });
    const viewer = await desk.attach('phone', [window(0, 300)], { role: 'viewer' });
    expect([viewer.role, desk.sizes()]).toEqual(['viewer', '0:1280x600+0']);
    await expect(desk.sessions.set(viewer.attachment, [window(0, 300)], undefined)).rejects.toThrow('only looks on');
    await desk.attach('laptop', [window(0, 1920)], { takeOver: true });
    expect(desk.sizes()).toBe('0:1920x600+0');
    const told = [];
    for await (const event of first.stream) told.push(event);
    expect(told.at(-1)).toEqual({ kind: 'ended', reason: 'laptop took the machine over.' });
    expect(desk.sessions.state).toMatchObject({ session: { client: 'laptop', number: 2 }, viewers: [{ name: 'phone' }] });
  });

  it('do not let go a machine that somebody else has paused', async () => {
    const desk = await Desk.on();
    await desk.machine.pause();
    const { attachment } = await desk.attach('desk', [window(0, 1280)]);
    expect(desk.machine.state).toBe('paused');
    desk.sessions.detach(attachment);
    await desk.settle();
    await desk.attach('desk', [window(0, 1280)]);
    expect(desk.machine.state).toBe('paused');
  });

  it('leave a machine running whose file says so', async () => {
    const desk = await Desk.on();
    desk.whenEnds = 'run';
    const { attachment } = await desk.attach('desk', [window(0, 1280)]);
    desk.sessions.detach(attachment);
    await desk.settle();
    expect([desk.machine.state, desk.sessions.state.phase]).toEqual(['running', 'idle']);
  });

  it('go from one window to another of a client without an end, if that comes in time', async () => {
    const desk = await Desk.on(60);
    const first = await desk.attach('app', [window(0, 1280)]);
    desk.sessions.detach(first.attachment);
    const second = await desk.attach('app', [window(0, 800)]);
    expect([second.session, desk.sizes(), desk.machine.state]).toEqual([1, '0:800x600+0', 'running']);
    desk.sessions.detach(second.attachment);
    await new Promise((resolve) => setTimeout(resolve, 120));
    await desk.settle();
    expect([desk.sessions.state.phase, desk.machine.state]).toEqual(['suspended', 'paused']);
    // Another client does not wait for it.
    const third = await desk.attach('app', [window(0, 1280)]);
    desk.sessions.detach(third.attachment);
    const other = await desk.attach('laptop', [window(0, 640)]);
    expect([other.session, desk.sizes()]).toEqual([3, '0:640x600+0']);
  });

  it('end with the machine', async () => {
    const desk = await Desk.on();
    const first = await desk.attach('desk', [window(0, 1280)]);
    desk.sessions.end();
    const told = [];
    for await (const event of first.stream) told.push(event);
    expect(told.at(-1)).toEqual({ kind: 'ended', reason: 'The machine is off.' });
    expect(() => desk.sessions.state).toThrow('The machine is off');
  });

  it('let only the client that has the machine type, and whoever comes when nobody has it', async () => {
    const desk = await Desk.on();
    const may = (client?: string) => {
      try {
        desk.sessions.requireTypist(client);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONFLICT' });
        return false;
      }
    };
    expect([may(), may('desk')]).toEqual([true, true]);
    const first = await desk.attach('desk', [window(0, 1280)]);
    await desk.attach('phone', [window(0, 400)], { role: 'viewer' });
    expect([may('desk'), may('phone'), may()]).toEqual([true, false, false]);
    // A take-over is one for keys as well; the first has lost them.
    await desk.attach('phone', [window(0, 400)], { takeOver: true });
    expect([may('desk'), may('phone')]).toEqual([false, true]);
    expect(() => desk.sessions.detach(first.attachment)).toThrow('This attachment has ended.');
    expect(may('desk')).toBe(false);
  });
});
