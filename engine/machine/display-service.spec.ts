import { describe, expect, it } from 'vitest';
import { requireOutput } from './display-service.ts';
import { bareService, errorCode } from './testing/bare-service.ts';

describe('the display as the main thread sees it', () => {
  it('tells its size when the machine comes on, once', () => {
    const { service, events } = bareService();
    const told = () => events.flatMap((event) => (event.kind === 'display' || event.kind === 'outputs' ? [event.kind] : []));
    service.life.start({ paused: true });
    expect(told()).toEqual(['outputs', 'display']);
    service.life.resume();
    service.life.pause();
    expect(told()).toEqual(['outputs', 'display']);
  });

  it('has outputs from 0 to 7', () => {
    const { service } = bareService();
    for (const output of [-1, 8, 0.5]) expect(errorCode(() => requireOutput(output))).toBe('bad-configuration');
    expect(errorCode(() => service.displays.screenshot(8))).toBe('bad-configuration');
    requireOutput(0);
    requireOutput(7);
  });

  it('is changed only of a machine that is on', () => {
    const { service } = bareService();
    const { input } = service.displays.state();
    expect(errorCode(() => service.displays.configure({ outputs: [], input }, 1))).toBe('wrong-state');
  });

  it('waits for frames no longer than was said, and not for those of other properties or of a machine that is off', async () => {
    const { service } = bareService();
    service.life.start({ paused: true });
    const { generation, input, outputs } = service.displays.state();
    const wanted = outputs.map(({ properties }) => properties && { ...properties, width: 800, height: 600 });
    const { generation: now } = service.displays.configure({ outputs: wanted, input }, 1);
    expect(now).not.toBe(generation);
    expect(await service.displays.awaitFrames(generation, 60_000)).toBe(false);
    expect(await service.displays.awaitFrames(now, 1)).toBe(false);
    const waiting = service.displays.awaitFrames(now, 60_000);
    await service.life.powerOff();
    expect(await waiting).toBe(false);
  });
});
