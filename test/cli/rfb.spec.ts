/** VNC viewers of another maker at a machine of a server: TigerVNC's, on a display of its own, moved and typed at by xdotool. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APP_PACKAGES, missingPackages, TEST_PACKAGES } from '../../build/prepare.mjs';
import type { DisplayStateMessage } from '../../main/contract/display.ts';
import { startDisplay, type DisplayServer } from '../e2e/display-server.ts';
import { askHost, screenText } from '../e2e/host-client.ts';
import { eventually } from '../e2e/screen.ts';
import { endChild } from '../support/end-child.ts';
import { CommandLine } from './vitrine.ts';

const needed = [...APP_PACKAGES, ...TEST_PACKAGES.filter(({ name }) => name === 'tigervnc-viewer' || name === 'xdotool')];
const missing = missingPackages(needed);
const password = 'open sesame';

/** As `vncpasswd` writes it: eight characters, by DES with a key that everybody knows; the method takes each byte's bits in reverse. */
function passwordFile(text: string): Uint8Array {
  const reversed = [0x17, 0x52, 0x6b, 0x06, 0x23, 0x4e, 0x58, 0x07].map((byte) => Array.from({ length: 8 }, (_, bit) => ((byte >> bit) & 1) << (7 - bit)).reduce((sum, one) => sum | one));
  const key = Buffer.from(reversed);
  const cipher = createCipheriv('des-ede3-ecb', Buffer.concat([key, key, key]), null);
  cipher.setAutoPadding(false);
  return cipher.update(Buffer.from(text.padEnd(8, '\0').slice(0, 8), 'latin1'));
}

describe.skipIf(missing.length > 0)('TigerVNC’s viewer', () => {
  let vitrine: CommandLine;
  let screen: DisplayServer;
  const begun: ChildProcess[] = [];
  const ports = new Map<string, number>();

  beforeAll(async () => {
    process.env['VITRINE_RFB_PASSWORD'] = password;
    vitrine = await CommandLine.open();
    writeFileSync(vitrine.at('password'), passwordFile(password));
    screen = await startDisplay(1600, 1000);
    const { child, said } = vitrine.begin('serve', '--port', '0');
    begun.push(child);
    await eventually(
      async () => said.out,
      (out) => out.includes('#token='),
      'the server is there',
    );
    for (const id of ['two-desks', 'hello']) {
      await vitrine.run('start', id);
      const listening = await vitrine.run('display', 'rfb', id, '--json');
      const { address, port } = JSON.parse(listening.out) as { address: string; port: number };
      expect(address).toBe('127.0.0.1');
      ports.set(id, port);
    }
  });
  afterAll(async () => {
    delete process.env['VITRINE_RFB_PASSWORD'];
    for (const child of begun.toReversed()) await endChild(child);
    await screen?.close();
    await vitrine?.close();
  });

  const state = (id = 'two-desks'): Promise<DisplayStateMessage> => askHost(vitrine.library, (client) => client.display.state({ id }));
  const sizeOf = ({ outputs: [output] }: DisplayStateMessage): string =>
    output?.properties ? `${output.properties.width}x${output.properties.height}${output.right ? '' : ' on its way'}` : 'off';
  /** Waits for its window; returns the window's number. */
  async function view(id: string, ...options: string[]): Promise<{ child: ChildProcess; window: string }> {
    const before = windows();
    const child = spawn('xtigervncviewer', [`-PasswordFile=${vitrine.at('password')}`, '-ReconnectOnError=0', ...options, `127.0.0.1::${ports.get(id)}`], {
      env: { ...process.env, DISPLAY: screen.name, HOME: vitrine.folder },
      stdio: 'ignore',
    });
    begun.push(child);
    const found = await eventually(
      async () => windows().filter((window) => !before.includes(window)),
      (now) => now.length > 0,
      'its window is there',
      60_000,
    );
    return { child, window: found.at(-1) ?? '' };
  }
  const xdotool = (...words: string[]): string => execFileSync('xdotool', words, { env: { ...process.env, DISPLAY: screen.name }, encoding: 'utf8' });
  const windows = (): string[] => {
    try {
      return xdotool('search', '--onlyvisible', '--name', 'TigerVNC').trim().split('\n').filter((line) => line !== '');
    } catch {
      // None is there.
      return [];
    }
  };

  it('comes in with the password, and the guest becomes as large as it asks', { timeout: 120_000 }, async () => {
    const { window } = await view('two-desks', '-DesktopSize=900x700');
    await eventually(async () => sizeOf(await state()), (size) => size === '900x700', 'the guest is 900 × 700', 60_000);
    expect((await state()).session?.name).toBe('VNC viewer 127.0.0.1');
    // Its window is dragged to an odd width.
    xdotool('windowsize', '--sync', window, '1101', '640');
    await eventually(async () => sizeOf(await state()), (size) => size === '1100x640', 'the guest follows the window', 60_000);
  });

  it('moves the pointer of a guest that takes positions', { timeout: 60_000 }, async () => {
    const [window = ''] = windows();
    xdotool('windowfocus', '--sync', window);
    xdotool('mousemove', '--window', window, '540', '320', 'click', '1');
    xdotool('mousemove', '--window', window, '550', '321', 'click', '1');
    const lit = async (): Promise<boolean> => {
      const picture = await askHost(vitrine.library, (client) => client.display.screenshot({ id: 'two-desks', output: 0 }));
      const { data, width, height } = PNG.sync.read(Buffer.from(picture.png));
      // The cross goes from edge to edge: somewhere in the middle a whole column differs from the ground.
      return [-3, -2, -1, 0, 1, 2, 3].some((beside) => [12, height - 12].every((y) => (data[4 * (y * width + width / 2 + beside)] ?? 0) > 0xc0));
    };
    await eventually(lit, (there) => there, 'lines go through the pointer', 30_000);
  });

  it('lets a second one look on, which then takes over', { timeout: 120_000 }, async () => {
    const second = await view('two-desks', '-Shared=1', '-RemoteResize=0');
    await eventually(async () => (await state()).viewers.length, (count) => count === 1, 'the second looks on');
    expect(sizeOf(await state())).toBe('1100x640');
    second.child.kill();
    await eventually(async () => (await state()).viewers.length, (count) => count === 0, 'it is gone');
    await view('two-desks', '-Shared=0', '-DesktopSize=640x480');
    await eventually(async () => sizeOf(await state()), (size) => size === '640x480', 'the guest is the third one’s', 60_000);
    expect((await state()).session?.number).toBe(2);
    const log = await vitrine.run('display', 'log', 'two-desks');
    expect(log.out).toContain('takes the machine over.');
  });

  it('is not let in with another password', { timeout: 60_000 }, async () => {
    writeFileSync(vitrine.at('password'), passwordFile('open barley'));
    const child = spawn('xtigervncviewer', [`-PasswordFile=${vitrine.at('password')}`, '-ReconnectOnError=0', '-AlertOnFatalError=0', `127.0.0.1::${ports.get('two-desks')}`], {
      env: { ...process.env, DISPLAY: screen.name, HOME: vitrine.folder },
      stdio: 'ignore',
    });
    begun.push(child);
    const log = await eventually(async () => (await vitrine.run('display', 'log', 'two-desks')).out, (out) => out.includes('wrong password'), 'it was sent away');
    expect(log).toContain('VNC viewer 127.0.0.1 was sent away: the viewer gave a wrong password.');
    writeFileSync(vitrine.at('password'), passwordFile(password));
  });

  it('types into a guest that knows nothing of displays, which stays as large as it is', { timeout: 120_000 }, async () => {
    const { window } = await view('hello', '-DesktopSize=1000x700');
    await eventually(async () => (await state('hello')).session?.number, (number) => number === 1, 'it has the machine');
    xdotool('windowfocus', '--sync', window);
    xdotool('mousemove', '--window', window, '60', '60', 'click', '1');
    xdotool('type', '--delay', '40', 'from afar');
    await eventually(() => screenText(vitrine.library, 'hello'), (text) => text.includes('from afar'), 'the guest shows what was typed');
    const { outputs } = await state('hello');
    expect(outputs[0]).toMatchObject({ use: 'vga', shown: { width: 720, height: 400 } });
  });
});
