/** Linear modes in a running machine: a guest that finds the frame buffer by PCI, and one that asks the VGA BIOS. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../engine/assembler/assembler.ts';
import { bytesOf, present, withMachine } from './boot-machine.ts';
import type { BootedMachine } from './boot-machine.ts';

function image(source: string): Uint8Array {
  const result = assemble({
    file: 'guest.asm',
    read: (path) => (path === 'guest.asm' ? { path, bytes: new TextEncoder().encode(source) } : undefined),
  });
  expect(result.errors).toEqual([]);
  return result.bytes;
}

/** In 32-bit protected mode, EDI the frame buffer: white top left, a red line from (0, 10), blue bottom right. */
const draw = `
        mov dword [edi], 0x00ffffff
        lea ebx, [edi+640*10*4]
        mov ecx, 640
.line:  mov dword [ebx], 0x00ff0000
        add ebx, 4
        dec ecx
        jnz .line
        mov dword [edi+(640*480-1)*4], 0x000000ff
        mov al, '!'
        out 0xe9, al
        cli
        hlt
`;

const protectedMode = `
        cli
        lgdt [descriptor]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 8:flat
        bits 32
flat:   mov ax, 16
        mov ds, ax
        mov es, ax
        ${draw}
        align 8
table:  dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
descriptor: dw 23
        dd table
        times 510-($-$$) db 0
        dw 0xaa55
`;

/** Places BAR 0 of 00:01.0 itself and sets the mode by the ports. */
const byPorts = `
        org 0x7c00
        xor ax, ax
        mov ds, ax
%macro config 2
        mov eax, 0x80000800 + %1
        mov dx, 0xcf8
        out dx, eax
        mov eax, %2
        mov dx, 0xcfc
        out dx, eax
%endmacro
%macro display 2
        mov dx, 0x1ce
        mov ax, %1
        out dx, ax
        inc dx
        mov ax, %2
        out dx, ax
%endmacro
        config 0x10, 0xe0000000
        config 0x04, 2
        display 4, 0
        display 1, 640
        display 2, 480
        display 3, 32
        display 4, 0x41
        mov edi, 0xe0000000
        ${protectedMode}
`;

/** Takes the first mode of the VGA BIOS with 640×480×32 and a linear frame buffer. */
const byBios = `
        org 0x7c00
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        mov di, 0x8000
        mov ax, 0x4f00
        int 0x10
        cmp ax, 0x004f
        jne failed
        lfs si, [0x8000+14]
next:   mov cx, [fs:si]
        add si, 2
        cmp cx, 0xffff
        je failed
        mov di, 0x8400
        mov ax, 0x4f01
        int 0x10
        cmp word [0x8400+18], 640
        jne next
        cmp word [0x8400+20], 480
        jne next
        cmp byte [0x8400+25], 32
        jne next
        mov bx, cx
        or bx, 0x4000
        mov ax, 0x4f02
        int 0x10
        cmp ax, 0x004f
        jne failed
        mov edi, [0x8400+40]
        jmp found
failed: mov al, '?'
        out 0xe9, al
        hlt
found:
        ${protectedMode}
`;

async function expectPicture(guest: BootedMachine): Promise<void> {
  await guest.until('the drawing', () => /[!?]$/.test(guest.debugConsole()), 40);
  expect(guest.debugConsole()).toMatch(/!$/);
  const { width, height, rgba } = await guest.machine.screenshot();
  expect([width, height]).toEqual([640, 480]);
  const at = (x: number, y: number) => Buffer.from(rgba.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)).toString('hex');
  expect([at(0, 0), at(1, 0), at(0, 10), at(639, 10), at(0, 11), at(639, 479)]).toEqual([
    'ffffffff',
    '000000ff',
    'ff0000ff',
    'ff0000ff',
    '000000ff',
    '0000ffff',
  ]);
  expect(await guest.machine.screenText()).toBeUndefined();
}

const bios = '/usr/share/seabios/bios-256k.bin';
const vgaBios = '/usr/share/seabios/vgabios-stdvga.bin';
const floppyBytes = 1_474_560;

describe('a mode of 640×480×32', { timeout: 90_000 }, () => {
  it('is set by the ports and drawn through BAR 0', async () => {
    await withMachine({ kind: 'boot-sector', image: image(byPorts) }, 16, expectPicture);
  });

  it.skipIf(!present(bios, vgaBios))('is set by INT 10h, function 4F02, of the VGA BIOS', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-display-'));
    try {
      const floppy = path.join(folder, 'floppy.img');
      const bytes = new Uint8Array(floppyBytes);
      bytes.set(image(byBios));
      writeFileSync(floppy, bytes);
      await withMachine({ kind: 'bios', image: bytesOf(bios), vgaBios: bytesOf(vgaBios) }, 32, expectPicture, { drives: [{ kind: 'floppy', path: floppy }] });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
