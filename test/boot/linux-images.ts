/** Debian's Linux as tests boot it: its kernel, an initial RAM disk with BusyBox, and a CD-ROM that starts both by GRUB. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { debianBusybox, debianKernel, debianModules } from '../../build/debian-i386.mjs';
import { grubFolder } from './disk-images.ts';

/** What init does: proc, sysfs and devices, drivers of disks, a line that says so, a shell on the serial port. */
const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules); do insmod $module; done
echo "userland of $(uname -r) on $(nproc)"
exec setsid sh -c 'exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'
`;

interface Entry {
  name: string;
  /** Type and permissions, as in stat(2). */
  mode: number;
  bytes?: Uint8Array;
  device?: readonly [major: number, minor: number];
}

const folderMode = 0o040755;
const fileMode = 0o100755;
const deviceMode = 0o020600;

/** An archive as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst): "newc", each part on four bytes. */
function archive(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  const put = (bytes: Uint8Array): void => {
    parts.push(Buffer.from(bytes), Buffer.alloc((4 - (bytes.length % 4)) % 4));
  };
  [...entries, { name: 'TRAILER!!!', mode: 0 }].forEach(
    ({ name, mode, bytes = new Uint8Array(), device = [0, 0] }: Entry, index) => {
      const fields = [index + 1, mode, 0, 0, 1, 0, bytes.length, 0, 0, device[0], device[1], name.length + 1, 0];
      put(Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`, 'latin1'));
      put(bytes);
    },
  );
  return Buffer.concat(parts);
}

/** `more` are modules to be loaded behind those of the disks. */
export function initialRamDisk(more: readonly string[] = []): Uint8Array {
  const modules = [...debianModules, ...more];
  return gzipSync(
    archive([
      ...['bin', 'dev', 'proc', 'sys'].map((name) => ({ name, mode: folderMode })),
      { name: 'bin/busybox', mode: fileMode, bytes: readFileSync(debianBusybox) },
      { name: 'init', mode: fileMode, bytes: Buffer.from(init) },
      { name: 'dev/console', mode: deviceMode, device: [5, 1] },
      ...modules.map((file) => ({ name: path.basename(file), mode: fileMode, bytes: readFileSync(file) })),
      { name: 'modules', mode: fileMode, bytes: Buffer.from(modules.map((file) => `/${path.basename(file)}\n`).join('')) },
    ]),
  );
}

/** A CD image by grub-mkrescue that starts the kernel with its console on COM1. */
export function writeLinuxCdrom(folder: string): string {
  const boot = path.join(folder, 'linux', 'boot');
  mkdirSync(path.join(boot, 'grub'), { recursive: true });
  copyFileSync(debianKernel, path.join(boot, 'vmlinuz'));
  writeFileSync(path.join(boot, 'initrd'), initialRamDisk());
  writeFileSync(
    path.join(boot, 'grub', 'grub.cfg'),
    'set timeout=0\nmenuentry linux {\n  linux /boot/vmlinuz console=ttyS0 nokaslr\n  initrd /boot/initrd\n}\n',
  );
  const file = path.join(folder, 'linux.iso');
  const options = ['--install-modules=biosdisk iso9660 normal linux', '--locales=', '--themes=', '--fonts='];
  execFileSync('grub-mkrescue', ['-d', grubFolder, ...options, '-o', file, path.join(folder, 'linux')], { stdio: 'pipe' });
  return file;
}
