import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STEPS } from './hint.ts';
import { DEFAULT_TIMEOUT, parseScript } from './parse.ts';
import { splitWords } from './words.ts';

/** The steps of a script that has to be good, without where they stand. */
function steps(text: string) {
  const { steps: found, errors } = parseScript(text);
  expect(errors).toEqual([]);
  return found.map(({ line: _line, text: _text, ...action }) => action);
}

/** What is wrong with a line. */
const fault = (line: string): string | undefined => parseScript(line).errors[0]?.message;

describe('words', () => {
  it.each([
    ['a  b\tc', ['a', 'b', 'c']],
    [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
    [`'it''s' a"b"c`, ['its', 'abc']],
    [`'C:\\>' C:\\\\> "\\"q\\" \\\\ \\d"`, ['C:\\>', 'C:\\\\>', '"q" \\ \\d']],
    ['a\\ b \\# c#d # e', ['a b', '#', 'c#d']],
    [`'' # ''`, ['']],
    ['# nothing', []],
  ])('%s', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });
});

describe('a script', () => {
  it('is steps in their order, with the times that hold where they stand', () => {
    const text = [
      '# until the prompt',
      "wait-screen 'login: $'   # the last line",
      '',
      'timeout 500ms',
      'wait-serial ok timeout 2m',
      'wait-stop',
      'wait-off timeout 0',
      'wait 1.5',
    ].join('\r\n');
    expect(parseScript(text).steps.map(({ line }) => line)).toEqual([2, 5, 6, 7, 8]);
    expect(steps(text)).toEqual([
      { kind: 'wait-screen', pattern: /login: $/m, timeout: DEFAULT_TIMEOUT },
      { kind: 'wait-serial', pattern: /ok/m, timeout: 120_000 },
      { kind: 'wait-stop', timeout: 500 },
      { kind: 'wait-off', timeout: 0 },
      { kind: 'wait', time: 1500 },
    ]);
  });

  it('types characters, presses keys together, and sends bytes', () => {
    expect(steps('type "a\\n"\nkeys ctrl+alt+Delete F2 a\nsend off\\n')).toEqual([
      {
        kind: 'type',
        strokes: [
          [0x1e, 0x9e],
          [0x1c, 0x9c],
        ],
      },
      {
        kind: 'keys',
        strokes: [
          [0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d],
          [0x3c, 0xbc],
          [0x1e, 0x9e],
        ],
      },
      { kind: 'send', bytes: new TextEncoder().encode('off\r') },
    ]);
  });

  it('takes breakpoints and expressions as they are written', () => {
    const text = `break write 0x600 2 if value > 3 log it's {value} # seen\nassert 'al == 3 && byte[es:di] != 0'\ncpu 1\nprofile lantern\npeek names[2].text # which`;
    expect(steps(text)).toEqual([
      { kind: 'break', breakpoint: "write 0x600 2 if value > 3 log it's {value}" },
      { kind: 'assert', expression: 'al == 3 && byte[es:di] != 0', cpu: 0 },
      { kind: 'peek', expression: 'names[2].text', cpu: 1, profile: 'lantern' },
    ]);
  });

  it('tells everything that is wrong, with its line, and then has no steps', () => {
    expect(parseScript('wait 1\nfrobnicate\ntype "x\n')).toEqual({
      steps: [],
      errors: [
        {
          line: 2,
          message: `There is no step “frobnicate”; the steps are ${STEPS.slice(0, -1).join(', ')} and profile.`,
        },
        { line: 3, message: 'The text after " has no end: close it with another ".' },
      ],
    });
    expect(parseScript('\n# nothing\n').errors).toEqual([{ line: 1, message: 'The script has no step.' }]);
  });

  it.each([
    ['wait_screen x', 'There is no step “wait_screen”; did you mean wait-screen?'],
    ['wait-sreen x', 'There is no step “wait-sreen”; did you mean wait-screen?'],
    ['sleep 5', 'There is no step “sleep”; did you mean wait?'],
    ['constructor', `There is no step “constructor”; the steps are ${STEPS.slice(0, -1).join(', ')} and profile.`],
    ['wait-screen', 'wait-screen takes a pattern.'],
    [
      'wait-screen Hello world',
      "wait-screen takes one word, and “world” is another. Put quotes around what belongs together: wait-screen 'Hello world'",
    ],
    ['wait-serial (', 'wait-serial: "(" is not a regular expression.'],
    ['wait login', 'wait takes a time, for instance wait 500ms, not login. Text is waited for by wait-screen and wait-serial.'],
    ['wait 5h', '5h is no time; write for instance 500ms, 5s or 2m.'],
    ['timeout 99999m', '99999m is too long; a step waits for at most 2147483 seconds.'],
    ['type ü', '“ü” (U+00FC) is not on a US keyboard and cannot be typed.'],
    ['type \\q', 'type: \\q is none of \\n, \\t, \\b, \\e, \\\\.'],
    ['keys ctrl+foo', 'There is no key named “foo”.'],
    ['keys ctrl+', 'A key is missing in “ctrl+”.'],
    ['continue now', 'continue takes nothing more; “now” is too much.'],
    ['assert', 'assert takes an expression, for instance assert eax == 1.'],
    ['assert eax = 1', '“=” changes nothing here; “==” compares.'],
    ['assert $eax == 1', 'assert names registers without “$”: assert eax == 1'],
    ['assert eax ==', 'Something is missing at the end of the expression.'],
    ['break 0x7c00', 'There is no breakpoint of the kind “0x7c00”.'],
    ['break', 'Say what is watched: execute, read, write, access, port, msr, cr0 to cr4, interrupt, exception, mode or smm.'],
    ['break execute start if eax ==', 'Something is missing at the end of the expression.'],
    ['peek a ` b', '"`" means nothing here.'],
    ['cpu 16', 'A vCPU has a number from 0 to 15, not 16.'],
  ])('refuses %s', (line, message) => {
    expect(fault(line)).toBe(message);
  });

  it('is, whatever the text, either steps or faults that have a line', () => {
    const word = fc.oneof(
      fc.constantFrom(
        ...STEPS,
        'physical',
        'execute',
        'if',
        'log',
        '==',
        '(',
        '[',
        '{',
        '"',
        "'",
        '\\',
        '#',
        '0x10',
        '5s',
        '-',
        '+',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
    );
    const line = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '));
    const text = fc.oneof(
      fc.array(line, { maxLength: 6 }).map((lines) => lines.join('\n')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(text, (written) => {
        const { steps: found, errors } = parseScript(written);
        const lines = written.split(/\r\n|\n|\r/u).length;
        expect(found.length > 0).toBe(errors.length === 0);
        for (const each of [...found, ...errors]) {
          expect(each.line).toBeGreaterThanOrEqual(1);
          expect(each.line).toBeLessThanOrEqual(lines);
        }
        for (const { message } of errors) expect(message).not.toBe('');
      }),
      { numRuns: 3000 },
    );
  });
});
