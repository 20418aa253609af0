import type { OutputRequestMessage } from '../contract/display.ts';
import { usage } from './exit.ts';

/** "1=1920x1080,mm=527x296,scale=150": the displays of --output, in order; without a number each is the next one. */
export function parseOutputs(words: readonly string[]): OutputRequestMessage[] {
  const outputs: OutputRequestMessage[] = [];
  for (const word of words) {
    const output = parseOutput(word, outputs.length === 0 ? 0 : (outputs.at(-1)?.output ?? 0) + 1);
    if (outputs.some((one) => one.output === output.output)) throw usage(`--output names output ${output.output} twice.`);
    outputs.push(output);
  }
  return outputs;
}

function parseOutput(word: string, next: number): OutputRequestMessage {
  const wrong = (what: string) => usage(`--output ${word}: ${what}`);
  const [first = '', ...properties] = word.split(',');
  const [, number, size] = /^(?:([0-7])=)?(\d{1,6}x\d{1,6}|off)$/.exec(first) ?? [];
  if (size === undefined) throw wrong('begin with a size such as 1920x1080, or with a number as in 1=1920x1080 or 1=off.');
  const [width = 0, height = 0] = size === 'off' ? [0, 0] : size.split('x').map(Number);
  const output: OutputRequestMessage = { output: number === undefined ? next : Number(number), width, height };
  for (const property of properties) {
    const [name = '', value = ''] = property.split('=');
    const count = (): number => {
      if (!/^\d{1,6}$/.test(value)) throw wrong(`${name} takes a number.`);
      return Number(value);
    };
    const pair = (form: RegExp): [number, number] => {
      const [, one, two] = form.exec(value) ?? [];
      if (one === undefined || two === undefined) throw wrong(`${name} takes two numbers, as in ${name === 'mm' ? 'mm=527x296' : 'at=0:200'}.`);
      return [Number(one), Number(two)];
    };
    if (name === 'mm') [output.widthMillimetres, output.heightMillimetres] = pair(/^(\d{1,6})x(\d{1,6})$/);
    else if (name === 'at') [output.x, output.y] = pair(/^(-?\d{1,6}):(-?\d{1,6})$/);
    else if (name === 'scale') output.scale = count();
    else if (name === 'rotate') output.orientation = count();
    else if (name === 'refresh') output.refresh = count();
    else if (name === 'primary' && value === '') output.primary = true;
    else throw wrong(`it does not know ${property}.`);
  }
  return output;
}
