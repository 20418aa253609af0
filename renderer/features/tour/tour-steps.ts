/** The tour of two minutes: its program, and what to do in each step. */

export const TOUR_NAME = 'First steps';

/** Writes the alphabet into a corner of the screen, once the ninth line is mended. */
export const TOUR_PROGRAM = `; The tour's program: letters in the corner of the screen.
        org 0x7c00
start:  xor ax, ax
        mov ds, ax
        mov ax, 0xb800          ; the text screen's memory
        mov es, ax
        mov ax, 0x1f41          ; an A, white on blue
letter: mov [es:0], ax
        add al, bx              ; wrong: bx is twice as wide as al
        cmp al, 'Z'
        jbe pause
        mov al, 'A'
pause:  mov cx, 0xffff
.spin:  loop .spin
        jmp letter
`;

export interface TourStep {
  id: 'write' | 'run' | 'break' | 'look' | 'report' | 'end';
  title: string;
  text: string;
}

export const TOUR_STEPS: readonly TourStep[] = [
  {
    id: 'write',
    title: 'Write',
    text: 'The assembler reads along. In line 9 it finds two registers of different sizes: make it “add al, 1”.',
  },
  {
    id: 'run',
    title: 'Run',
    text: 'Press “Put in machine” (Ctrl Enter): the program is in the machine, and letters run in the corner of its screen.',
  },
  {
    id: 'break',
    title: 'Break',
    text: 'Press beside line 8, “letter”, in the margin. The machine stops there the next time, and the line is marked.',
  },
  {
    id: 'look',
    title: 'Look',
    text: 'Registers stand at the right: eax holds the letter. Press “Step a line” above the source, and see what changes.',
  },
  {
    id: 'report',
    title: 'Report',
    text: 'Take it home: press “Take a report” in the bar above. It has every register, the code, the memory and the screen.',
  },
  {
    id: 'end',
    title: 'That was it',
    text: 'Write, run, break, look, report. The machine stays in the library; the other samples show more.',
  },
];
