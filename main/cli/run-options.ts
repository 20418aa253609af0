import { resolve } from 'node:path';
import type { ClockMode, DriveConfiguration } from '../host/engine-types.ts';
import { cpuCount } from '../contract/machine.ts';
import type { BootFiles } from '../host/boot.ts';
import { scancodesOf } from '../host/keyboard.ts';
import { parseMemory } from '../host/memory-size.ts';
import { formatOf } from '../host/report/save.ts';
import { MEMORY_UNIT } from '../contract/machine.ts';
import { notYet, usage } from './exit.ts';
import { patternOf, unescape } from './guest-console.ts';
import { parsePlace, parsePort } from './port.ts';

/** The options of `run` as commander gives them. */
export interface RawRunOptions {
  library?: string;
  kernel?: string;
  initrd?: string;
  append?: string;
  bootSector?: string;
  bios?: string;
  vgabios?: string;
  asm?: string;
  floppy?: string[];
  cdrom?: string[];
  disk?: string[];
  boot?: string;
  cpus?: string;
  memory?: string;
  clock?: string;
  serial?: string;
  untilSerial?: string;
  untilScreen?: string;
  timeout?: string;
  type?: string;
  script?: string;
  screenshot?: string;
  report?: string;
  stopAtTripleFault?: boolean;
  gdb?: string;
  paused?: boolean;
  rfb?: string;
  stats?: boolean;
  json?: boolean;
}

/** Where COM1 goes. */
export type SerialTarget =
  { kind: 'stdio' } | { kind: 'output' } | { kind: 'file'; path: string } | { kind: 'tcp'; port: number };

/** A run, checked. */
export interface RunPlan {
  /** A machine of the library, or files that make a machine for this run only. */
  from: { kind: 'machine'; word: string } | { kind: 'files'; files: BootFiles } | { kind: 'drives' };
  /** Images on top of what the machine has. */
  drives: DriveConfiguration[];
  bootOrder: DriveConfiguration['kind'][] | undefined;
  cpus: number | undefined;
  memoryBytes: number | undefined;
  clock: ClockMode | undefined;
  serial: SerialTarget;
  untilSerial: RegExp | undefined;
  untilScreen: RegExp | undefined;
  /** Milliseconds. */
  timeout: number | undefined;
  /** Scancodes, a keystroke each. */
  strokes: number[][];
  /** File of steps that are taken one after the other. */
  script: string | undefined;
  screenshot: string | undefined;
  /** File whose ending says what kind of report it is. */
  report: string | undefined;
  /** A triple fault ends the run before it resets the machine. */
  stopAtTripleFault: boolean;
  /** Port at which gdb may attach; 0 is any. */
  gdb: number | undefined;
  /** Where VNC viewers may connect. */
  rfb: { address: string; port: number } | undefined;
  /** It stays before its first instruction until somebody lets it go. */
  paused: boolean;
  stats: boolean;
  json: boolean;
}

/** Places for images (engine/machine/drives.ts). */
const FLOPPY_DRIVES = 2;
const IDE_POSITIONS = 4;

/** A machine that is made from an image for one run. */
export const DEFAULT_MEMORY = 128 * MEMORY_UNIT;

/** Checks everything that can be checked before a file is opened. Throws CommandError (status 2). */
export function planRun(word: string | undefined, options: RawRunOptions): RunPlan {
  const clock = options.clock;
  if (clock !== undefined && clock !== 'wall' && clock !== 'virtual') throw usage(`--clock is wall or virtual, not ${clock}.`);
  return {
    from: source(word, options),
    drives: drives(options),
    bootOrder: options.boot === undefined ? undefined : bootOrder(options.boot),
    cpus: options.cpus === undefined ? undefined : cpus(options.cpus),
    memoryBytes: options.memory === undefined ? undefined : parseMemory(options.memory),
    clock,
    serial: serial(options.serial),
    untilSerial: options.untilSerial === undefined ? undefined : patternOf('--until-serial', options.untilSerial),
    untilScreen: options.untilScreen === undefined ? undefined : patternOf('--until-screen', options.untilScreen),
    timeout: options.timeout === undefined ? undefined : seconds(options.timeout),
    strokes: options.type === undefined ? [] : scancodesOf(unescape(options.type)),
    script: script(options),
    screenshot: options.screenshot,
    report: report(options.report),
    stopAtTripleFault: options.stopAtTripleFault ?? false,
    gdb: options.gdb === undefined ? undefined : parsePort('--gdb', options.gdb),
    rfb: options.rfb === undefined ? undefined : parsePlace('--rfb', options.rfb),
    paused: paused(word, options),
    stats: options.stats ?? false,
    json: options.json ?? false,
  };
}

/** Said now, and not when the state of an hour is lost. */
function report(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  formatOf(file);
  return resolve(file);
}

/** A script says itself what is waited for and typed, and in which order. */
function script(options: RawRunOptions): string | undefined {
  if (options.script === undefined) return undefined;
  const { type, untilSerial, untilScreen } = options;
  if ([type, untilSerial, untilScreen].some((value) => value !== undefined))
    throw usage('--script goes with none of --type, --until-serial, --until-screen: type, wait-serial and wait-screen are steps of it.');
  return resolve(options.script);
}

/** Without a name, gdb and a script nobody could let it go on. */
function paused(word: string | undefined, { paused: wanted = false, gdb, script: steps }: RawRunOptions): boolean {
  if (wanted && word === undefined && gdb === undefined && steps === undefined)
    throw usage('--paused goes with --gdb or --script, or with a machine of the library that “vitrine resume” lets go on.');
  return wanted;
}

function source(word: string | undefined, options: RawRunOptions): RunPlan['from'] {
  const { kernel, bootSector, bios, asm } = options;
  const given = [word, kernel, bootSector, bios, asm].filter((value) => value !== undefined);
  if (given.length === 0 && drives(options).length > 0) {
    if (options.vgabios !== undefined) throw usage('--vgabios goes with --bios.');
    return { kind: 'drives' };
  }
  if (given.length !== 1) {
    throw usage('Say what to run: one of MACHINE, --kernel, --boot-sector, --bios, --asm, --floppy, --cdrom, --disk.');
  }
  if (kernel === undefined && (options.initrd !== undefined || options.append !== undefined)) {
    throw usage('--initrd and --append go with --kernel.');
  }
  if (bios === undefined && options.vgabios !== undefined) throw usage('--vgabios goes with --bios.');
  const path = (file: string | undefined): string | undefined => (file === undefined ? undefined : resolve(file));
  if (kernel !== undefined) {
    return {
      kind: 'files',
      files: { kind: 'kernel', file: resolve(kernel), initrd: path(options.initrd), commandLine: options.append },
    };
  }
  if (bios !== undefined) return { kind: 'files', files: { kind: 'bios', file: resolve(bios), vgaBios: path(options.vgabios) } };
  if (bootSector !== undefined) return { kind: 'files', files: { kind: 'boot-sector', file: resolve(bootSector) } };
  if (asm !== undefined) return { kind: 'files', files: { kind: 'assembly', file: resolve(asm), anywhere: true } };
  return { kind: 'machine', word: word ?? '' };
}

/** Images for drives, in the order in which they take their places. */
function drives(options: Pick<RawRunOptions, 'floppy' | 'cdrom' | 'disk'>): DriveConfiguration[] {
  const of = (kind: DriveConfiguration['kind'], files: string[] = []): DriveConfiguration[] =>
    files.map((file) => ({ kind, path: resolve(file) }));
  const all = [...of('floppy', options.floppy), ...of('cdrom', options.cdrom), ...of('disk', options.disk)];
  if ((options.floppy?.length ?? 0) > FLOPPY_DRIVES) throw usage(`--floppy can be given ${FLOPPY_DRIVES} times at most.`);
  if (all.length - (options.floppy?.length ?? 0) > IDE_POSITIONS)
    throw usage(`--disk and --cdrom can be given ${IDE_POSITIONS} times together at most.`);
  return all;
}

function bootOrder(text: string): DriveConfiguration['kind'][] {
  return text.split(',').map((word) => {
    if (word === 'floppy' || word === 'cdrom' || word === 'disk') return word;
    throw usage(`--boot takes floppy, cdrom and disk, separated by commas, not ${word === '' ? 'nothing' : word}.`);
  });
}

/** The number behind --cpus. */
export function cpus(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  const checked = cpuCount.safeParse(value);
  if (checked.success) return checked.data;
  throw usage(
    Number.isNaN(value)
      ? `--cpus takes a number, not ${text}.`
      : `--cpus ${text}: ${checked.error.issues[0]?.message ?? 'refused.'}`,
  );
}

function serial(text: string | undefined): SerialTarget {
  if (text === undefined) return { kind: 'output' };
  if (text === 'stdio') return { kind: 'stdio' };
  if (text === 'pty') throw notYet('--serial pty');
  if (!text.startsWith('tcp:')) {
    if (text === '') throw usage('--serial takes stdio, a file, or tcp:PORT.');
    return { kind: 'file', path: resolve(text) };
  }
  const port = text.slice('tcp:'.length);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw usage(`--serial ${text}: a port is a number from 0 to 65535.`);
  return { kind: 'tcp', port: Number(port) };
}

/** The longest that a timer of Node can wait. */
const TIMEOUT_LIMIT = 0x7fffffff;

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) throw usage(`--timeout takes seconds above 0, not ${text}.`);
  if (value * 1000 > TIMEOUT_LIMIT) throw usage(`--timeout is at most ${Math.floor(TIMEOUT_LIMIT / 1000)} seconds.`);
  return value * 1000;
}
