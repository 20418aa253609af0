import type { DisplayStateMessage, OutputStateMessage } from '../../../main/contract/display.ts';

type Properties = NonNullable<OutputStateMessage['properties']>;

/** A moment in milliseconds since 1970 as the time of day. */
export const clock = (time: number): string => new Date(time).toLocaleTimeString('en-GB');

export function orientationWords({ width, height, orientation }: Properties): string {
  const shape = width >= height ? 'landscape' : 'portrait';
  return orientation === 0 ? shape : `${shape}, turned ${orientation}°`;
}

export function sizeWords({ millimetres }: Properties): string {
  if (millimetres === null) return 'not known';
  return `${millimetres.estimated ? '≈ ' : ''}${millimetres.width} × ${millimetres.height} mm`;
}

/** What the guest makes of an output. */
export function guestWords({ use, frames, right, shown, properties, refusal }: OutputStateMessage): string {
  if (refusal !== '') return refusal;
  if (properties === null) return 'not connected';
  if (use === 'dark') return 'dark: the guest gives it no frame';
  const picture = use === 'vga' ? 'shows the VGA' : `uses it, frame ${frames.toLocaleString('en-GB')}`;
  return right ? picture : `${picture}, ${shown.width} × ${shown.height}`;
}

const PHASES: Readonly<Record<DisplayStateMessage['phase'], string>> = {
  idle: 'Nobody’s',
  configure: 'Configuring',
  resume: 'Going on',
  frame: 'Waiting for a frame',
  live: 'Live',
  suspend: 'Stopping',
  suspended: 'Stands still',
};

export const phaseWords = (phase: DisplayStateMessage['phase']): string => PHASES[phase];

/** Who a session is: "this app, 2 windows". */
export function clientWords({ client, name, attached }: NonNullable<DisplayStateMessage['session']>): string {
  const who = client === 'app' ? 'this app' : `${name} (${client})`;
  return attached.length === 0 ? who : `${who}, ${attached.length} ${attached.length === 1 ? 'window' : 'windows'}`;
}

export function inputWords({ keyboard, mouse, pointer, pen }: DisplayStateMessage['input']): string {
  const devices = [keyboard && 'keyboard', mouse && 'mouse', pointer && 'absolute pointer', pen && 'pen'].filter((word) => word !== false);
  return devices.join(', ') || 'none';
}

type InputDevice = DisplayStateMessage['devices'][number];

const KINDS: Readonly<Record<InputDevice['kind'], string>> = { keyboard: 'Keyboard', mouse: 'Mouse', pointer: 'Absolute pointer', touch: 'Touch screen', pen: 'Pen' };

export function deviceWords({ kind, contacts }: InputDevice): string {
  return kind === 'touch' ? `${KINDS[kind]}, ${contacts} ${contacts === 1 ? 'finger' : 'fingers'}` : KINDS[kind];
}

/** What the guest makes of a virtio input device. */
export function driverWords({ state, driver }: InputDevice): string {
  if (state === 'leaving') return 'the guest is to eject it';
  if (state === 'coming') return 'another comes once it is ejected';
  if (driver === 'broken') return 'driver broke the protocol';
  return driver === 'ready' ? 'driver ready' : 'no driver';
}

/** Where absolute positions go. */
export function positionWords({ takesPositions, devices, input }: Pick<DisplayStateMessage, 'takesPositions' | 'devices' | 'input'>): string {
  if (devices.some(({ kind, driver, state }) => kind === 'pointer' && driver === 'ready' && state === 'present')) return 'absolute, by virtio';
  if (takesPositions) return 'absolute, by the display’s registers';
  return input.mouse ? 'relative: its mouse is moved' : 'none';
}
