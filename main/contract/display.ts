import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { procedure } from './errors.ts';
import { machineId } from './machine.ts';

/** Outputs of a machine's display device. */
export const OUTPUTS = 8;
/** What absolute positions are given in: 0 to this, across an output. */
export const POSITIONS = 0xffff;

/** An output by its number. */
export const outputNumber = z
  .int('Outputs are numbered by whole numbers.')
  .min(0, 'Outputs are numbered from 0.')
  .max(OUTPUTS - 1, `Outputs are numbered from 0 to ${OUTPUTS - 1}.`);

/**
 * A display of a client, whole. The engine checks the limits (engine/display/properties.ts) and says what is refused, and what was ignored; here it
 * only has to be a number.
 */
export const outputRequest = z.object({
  output: outputNumber,
  /** Pixels; 0 × 0 is off. */
  width: z.number(),
  height: z.number(),
  widthMillimetres: z.number().optional(),
  heightMillimetres: z.number().optional(),
  /** The millimetres are a guess. */
  estimated: z.boolean().optional(),
  /** Per cent. */
  scale: z.number().optional(),
  /** Degrees clockwise. */
  orientation: z.number().optional(),
  depth: z.number().optional(),
  refresh: z.number().optional(),
  /** In the desktop; without them outputs stand side by side in the order of their numbers. */
  x: z.number().optional(),
  y: z.number().optional(),
  primary: z.boolean().optional(),
});

export const inputRequest = z.object({
  keyboard: z.boolean().optional(),
  mouse: z.boolean().optional(),
  pointer: z.boolean().optional(),
  touchPoints: z.number().optional(),
  pen: z.boolean().optional(),
});

/** Tells clients apart. All windows of the app are one client; so are all pages of one browser. */
export const clientId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'A client is named by lower-case letters, digits and hyphens.');
export const clientName = z
  .string()
  .trim()
  .min(1, 'A client needs a name.')
  .max(40, 'The name of a client has at most 40 characters.')
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'The name of a client is one line.');

export const whenSessionEnds = z.enum(['suspend', 'run']);

const rectangle = z.object({ x: z.int(), y: z.int(), width: z.int(), height: z.int() });

/** What an output is, and what the guest makes of it. */
export const outputState = z.object({
  output: outputNumber,
  /** Null: nothing is connected. */
  properties: z
    .object({
      width: z.int(),
      height: z.int(),
      millimetres: z.object({ width: z.int(), height: z.int(), estimated: z.boolean() }).nullable(),
      scale: z.int(),
      orientation: z.int(),
      depth: z.int(),
      refresh: z.int(),
      x: z.int(),
      y: z.int(),
      primary: z.boolean(),
    })
    .nullable(),
  /** As the guest reads it, and what it says. */
  edid: byteArray(),
  edidFacts: z.array(z.object({ name: z.string(), value: z.string(), bytes: z.array(z.tuple([z.int(), z.int()])) })),
  /** Guest nanoseconds at which the guest read it first since it changed; null: not yet. */
  edidRead: z.number().nullable(),
  use: z.enum(['dark', 'vga', 'frame']),
  /** The size of the picture. */
  shown: z.object({ width: z.int(), height: z.int() }),
  frames: z.int(),
  /** The picture has the output's size and was made since that was set. */
  right: z.boolean(),
  /** Why a frame that the guest asked for is not shown; empty when there is none. */
  refusal: z.string(),
});

export const displaySession = z.object({
  number: z.int(),
  client: clientId,
  name: z.string(),
  /** Milliseconds since 1970. */
  since: z.number(),
  /** Milliseconds from the request until the machine was there, and until it had drawn at the right size; null: not yet. */
  resumedAfter: z.number().nullable(),
  firstFrameAfter: z.number().nullable(),
  /** Outputs that a window of the client shows now; another one may have any that is not there. */
  attached: z.array(outputNumber),
  whenEnds: whenSessionEnds,
});

/** Everything about a machine's displays. */
export const displayState = z.object({
  phase: z.enum(['idle', 'configure', 'resume', 'frame', 'live', 'suspend', 'suspended']),
  /** Who has the machine; null: nobody. */
  session: displaySession.nullable(),
  viewers: z.array(z.object({ client: clientId, name: z.string(), since: z.number() })),
  /** What happens when a session ends that does not say it itself. */
  whenSessionEnds,
  generation: z.int(),
  outputs: z.array(outputState),
  desktop: rectangle,
  input: z.object({ keyboard: z.boolean(), mouse: z.boolean(), pointer: z.boolean(), touchPoints: z.int(), pen: z.boolean() }),
  /** The guest listens to absolute pointer and touch. */
  takesPositions: z.boolean(),
  /** Virtio input devices as the guest has them; what a person does reaches a device whose driver is ready. */
  devices: z.array(
    z.object({
      kind: z.enum(['keyboard', 'mouse', 'pointer', 'touch', 'pen']),
      /** On PCI: "08.0". */
      place: z.string(),
      /** `leaving`: the guest was asked to eject it; `coming`: another form of it takes its place then. */
      state: z.enum(['present', 'leaving', 'coming']),
      driver: z.enum(['none', 'ready', 'broken']),
      /** Fingers of a touch screen. */
      contacts: z.int(),
    }),
  ),
  memoryBytes: z.int(),
  /** Where VNC viewers may connect; null: nowhere. */
  rfb: z.object({ address: z.string(), port: z.int(), password: z.boolean() }).nullable(),
});

/** One line of the log of sessions. */
export const displayLogEntry = z.object({
  /** Milliseconds since 1970. */
  at: z.number(),
  /** 0: of none. */
  session: z.int(),
  client: z.string(),
  what: z.enum(['open', 'detect', 'configure', 'resume', 'frame', 'change', 'end', 'suspend', 'view', 'refuse', 'take-over', 'fail', 'ignore']),
  sentence: z.string(),
});

export const displayEvent = z.discriminatedUnion('kind', [
  /** Null: the machine is off. */
  z.object({ kind: z.literal('state'), state: displayState.nullable() }),
  z.object({ kind: z.literal('log'), entries: z.array(displayLogEntry) }),
]);

/** What becomes of an attachment. */
export const attachmentEvent = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('attached'),
    /** For `set` and `detach`. */
    attachment: z.int(),
    session: z.int(),
    role: z.enum(['holder', 'viewer']),
    /** What was left out of the request: sentences. */
    ignored: z.array(z.string()),
  }),
  /** The machine shows this client's display; so many milliseconds after the request. */
  z.object({ kind: z.literal('frame'), after: z.number() }),
  /** The stream ends with it: taken over, machine off, or failed. */
  z.object({ kind: z.literal('ended'), reason: z.string() }),
]);

const one = z.object({ id: machineId });

/** Display sessions: who has a machine's displays and inputs, and what they are. */
export const display = {
  /** WRONG_STATE while the machine is off. */
  state: procedure.input(one).output(displayState),
  /** The state, then each change; with `history` what was logged before, in one event. Stays open over power-off and start; ends when the machine is deleted. */
  watch: procedure.input(z.object({ id: machineId, history: z.boolean().optional() })).output(eventIterator(displayEvent)),
  /**
   * Joins outputs to the machine's session, or begins one. Attachments with one `client` are one session, whose displays are all of theirs; it ends
   * with the last of them. The stream is the attachment: when it is given up without `detach`, the connection is lost. CONFLICT: another client has
   * the machine (take it over, or look on) or has that output. BAD_INPUT: a property is beyond its limits; nothing has changed.
   */
  attach: procedure
    .input(
      z.object({
        id: machineId,
        client: z.object({ id: clientId, name: clientName }),
        outputs: z.array(outputRequest).min(1, 'A session has at least one output.').max(OUTPUTS),
        input: inputRequest.optional(),
        /** `viewer`: looks on, and changes nothing. */
        role: z.enum(['holder', 'viewer']).optional(),
        takeOver: z.boolean().optional(),
        /** WRONG_STATE for a suspended machine, which otherwise comes back for its client: of a window that saw it run a moment ago. */
        onlyIfOn: z.boolean().optional(),
        /** Absent: as the machine's file says. */
        whenEnds: whenSessionEnds.optional(),
      }),
    )
    .output(eventIterator(attachmentEvent)),
  /** Displays of an attachment, or of whoever has the machine, become others. Refused as a whole, or done when the guest would read it. */
  set: procedure
    .input(z.object({ id: machineId, attachment: z.int().optional(), outputs: z.array(outputRequest).min(1).max(OUTPUTS), input: inputRequest.optional() }))
    .output(z.object({ ignored: z.array(z.string()), generation: z.int() })),
  detach: procedure.input(z.object({ id: machineId, attachment: z.int() })).output(z.void()),
  /** What happens to the machine when a session ends; kept in the machine's file, and of the session that is live. */
  whenSessionEnds: procedure.input(z.object({ id: machineId, whenSessionEnds })).output(z.void()),
  /**
   * Lets VNC viewers connect to output 0 while the machine is on, at a numeric address (absent: 127.0.0.1) and port (0: any free one). Others than this
   * computer are asked for a password, of which 8 characters count. A viewer that does not share takes the machine over. CONFLICT: the port is taken.
   */
  listen: procedure
    .input(
      z.object({
        id: machineId,
        address: z.string().max(64).optional(),
        port: z.int().min(0).max(65535),
        password: z.string().min(6, 'A password for VNC has at least 6 characters.').max(64).optional(),
      }),
    )
    .output(z.object({ address: z.string(), port: z.int() })),
  /** Ends that; viewers are disconnected. */
  unlisten: procedure.input(one).output(z.void()),
  /** A picture of one output. */
  screenshot: procedure
    .input(z.object({ id: machineId, output: outputNumber }))
    .output(z.object({ width: z.int(), height: z.int(), png: byteArray() })),
};

export type OutputRequestMessage = z.infer<typeof outputRequest>;
export type InputRequestMessage = z.infer<typeof inputRequest>;
export type OutputStateMessage = z.infer<typeof outputState>;
export type DisplayStateMessage = z.infer<typeof displayState>;
export type DisplayLogEntry = z.infer<typeof displayLogEntry>;
export type DisplayEventMessage = z.infer<typeof displayEvent>;
export type AttachmentEventMessage = z.infer<typeof attachmentEvent>;
export type WhenSessionEnds = z.infer<typeof whenSessionEnds>;
