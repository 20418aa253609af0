import { dirname, resolve } from 'node:path';
import type { Disk } from '../../host/disk.ts';
import { readImage } from '../../host/image.ts';
import { usage } from '../exit.ts';
import { parseScript, type ScriptError, type Step } from './parse.ts';

/** Scripts larger than this are none. */
const scriptLimit = 1024 * 1024;

/** A script that can be run. Paths in it are absolute. */
export interface ScriptFile {
  /** As it was named. */
  name: string;
  steps: readonly Step[];
}

/** Reads a script and checks all of it; what is wrong is refused in one go, a line for each fault: `FILE:LINE: what`. */
export async function readScript(disk: Disk, name: string): Promise<ScriptFile> {
  const bytes = await readImage(disk, resolve(name), 'script', scriptLimit);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw usage(`${name} is not a text (UTF-8).`);
  }
  const { steps, errors } = parseScript(text);
  const found: ScriptError[] = [...errors];
  const whole: Step[] = [];
  for (const step of steps) {
    if (step.kind !== 'screenshot') whole.push(step);
    else {
      // Said now, and not when an hour's picture is lost.
      const file = resolve(step.file);
      if ((await disk.status(dirname(file)))?.folder === true) whole.push({ ...step, file });
      else
        found.push({
          line: step.line,
          message: `The screenshot cannot go to ${step.file}: there is no folder ${dirname(file)}.`,
        });
    }
  }
  if (found.length > 0) throw usage(found.map(({ line, message }) => `${name}:${line}: ${message}`).join('\n'));
  return { name, steps: whole };
}
