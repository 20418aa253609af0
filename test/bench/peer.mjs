/** The guest on v86 with its JIT disabled. It loads a Multiboot kernel by itself when it has no BIOS. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { V86 } from 'v86';
import { serveParent } from './session.mjs';

const CONSOLE_PORT = 0xe9;

serveParent(async ({ kernel, memoryBytes }) => {
  const image = readFileSync(kernel);
  const emulator = new V86({
    wasm_path: fileURLToPath(new URL('v86.wasm', import.meta.resolve('v86'))),
    multiboot: { buffer: image.buffer.slice(image.byteOffset, image.byteOffset + image.length) },
    memory_size: memoryBytes,
    autostart: false,
    disable_jit: true,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
  });
  await new Promise((resolve) => emulator.add_listener('emulator-loaded', resolve));
  return {
    broken: new Promise(() => undefined),
    start: (receive) => {
      emulator.v86.cpu.io.register_write(CONSOLE_PORT, {}, (byte) => receive(byte, performance.now()));
      return emulator.run();
    },
    send: (bytes) => emulator.serial_send_bytes(0, bytes),
    go: () => emulator.run(),
    rest: () => emulator.stop(),
    instructions: async () => undefined,
  };
});
