import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { outputNumber } from './display.ts';
import { procedure } from './errors.ts';
import { machineId } from './machine.ts';
import { terminals } from './terminal.ts';

/** Which front is asking. */
export const front = z.enum(['app', 'browser', 'command-line']);

export const about = z.object({
  name: z.literal('Vitrine'),
  version: z.string(),
  front,
  /** The library's folder on the host. */
  library: z.string(),
  /** Versions of what runs the host: `node`, `v8`, and `electron` in the app. */
  versions: z.record(z.string(), z.string()),
  /** For instance "linux x64". */
  platform: z.string(),
  /** Logical processors of the host. */
  hostProcessors: z.int(),
  /** The front has a desktop: the `desktop` domain works, and files may be named by path. */
  desktop: z.boolean(),
});

/** The outcome of one checker of `doctor`. */
export const doctorResult = z.object({
  id: z.string(),
  category: z.enum(['host', 'library', 'engine', 'tools']),
  title: z.string(),
  outcome: z.enum(['good', 'warning', 'bad', 'not-applicable']),
  /** One or two sentences: what was found. */
  description: z.string(),
  /** What to do about it; empty when there is nothing to do. */
  fixes: z.array(z.string()),
});

/** Keys that are pressed together, as KeyboardEvent.code. */
const combination = z.array(z.string().min(1).max(32)).min(1).max(4);
/** Combinations that a list of the settings may have. */
export const COMBINATIONS_MAXIMUM = 16;

/** A person's choices, kept beside the library. */
export const settings = z.object({
  /** `system` follows the desktop. */
  theme: z.enum(['system', 'light', 'dark']),
  /** The key that lets go of the keyboard, as KeyboardEvent.code. */
  releaseKey: z.string().min(1).max(32),
  /** How consoles scale by default: whole factors; as large as the window with sharp pixels; or smoothed. */
  scaling: z.enum(['pixel-exact', 'fit', 'smooth']),
  /** Stay with the host while a guest has the keyboard. */
  passThrough: z.array(combination).max(COMBINATIONS_MAXIMUM),
  /** One's own in the console's list of keys to send. */
  combinations: z.array(combination).max(COMBINATIONS_MAXIMUM),
});

export const application = {
  about: procedure.output(about),
  doctor: procedure.output(z.array(doctorResult)),
  settings: {
    get: procedure.output(settings),
    /** Absent values stay. */
    set: procedure.input(settings.partial()).output(settings),
    /** The settings now, and at each change by any front. */
    watch: procedure.output(eventIterator(settings)),
  },
};

/** A file or folder that the person asked the app to open: by its association, or on the command line. */
export const opened = z.object({ path: z.string(), name: z.string(), folder: z.boolean() });

/** What only a front with a desktop can do. Elsewhere each of these is NOT_SUPPORTED. */
export const desktop = {
  /** Opens the console window of an output (0 without one), or brings it to the front. */
  openConsole: procedure.input(z.object({ id: machineId, output: outputNumber.optional() })).output(z.void()),
  /** Closes the machine's console window, and shows the console as a panel of the workbench in the main window. */
  dockConsole: procedure.input(z.object({ id: machineId })).output(z.void()),
  /** The system's open dialog. Null: it was cancelled. */
  chooseFile: procedure
    .input(
      z.object({
        title: z.string().max(200),
        filters: z.array(z.object({ name: z.string(), extensions: z.array(z.string()) })).optional(),
      }),
    )
    .output(z.object({ path: z.string() }).nullable()),
  /** The system's save dialog; writes the bytes. Null: it was cancelled. */
  saveFile: procedure
    .input(z.object({ title: z.string().max(200), name: z.string().max(255), bytes: byteArray() }))
    .output(z.object({ path: z.string() }).nullable()),
  /** The system's dialog for a folder that files go to. Null: it was cancelled. */
  chooseFolder: procedure.input(z.object({ title: z.string().max(200) })).output(z.object({ path: z.string() }).nullable()),
  /** Shows the machine's folder in the file browser. */
  showFolder: procedure.input(z.object({ id: machineId })).output(z.void()),
  /** What the app was asked to open and no page has taken yet, then what it is asked from now on. */
  openings: procedure.output(eventIterator(opened)),
  terminals,
};

export type Front = z.infer<typeof front>;
export type About = z.infer<typeof about>;
export type DoctorResult = z.infer<typeof doctorResult>;
export type Opened = z.infer<typeof opened>;
export type Settings = z.infer<typeof settings>;
