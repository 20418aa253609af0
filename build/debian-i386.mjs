/**
 * Debian's kernel and BusyBox for i386, which tests boot: fetched by apt with lists of their own, so that the computer's own architecture
 * and packages stay as they are, and kept in the user's cache. apt checks Debian's signatures.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

const folder = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'vitrine', 'debian-i386');

/** Where they are once they have been fetched. */
export const debianKernel = path.join(folder, 'vmlinuz');
export const debianBusybox = path.join(folder, 'busybox');

/** Drivers of its disks, CD-ROMs and file systems, in the order in which they can be loaded. */
const modules = [
  'drivers/scsi/scsi_common',
  'drivers/scsi/scsi_mod',
  'drivers/ata/libata',
  'drivers/ata/ata_piix',
  'crypto/crct10dif_common',
  'lib/crc-t10dif',
  'lib/crc64',
  'lib/crc64-rocksoft',
  'block/t10-pi',
  'drivers/scsi/sd_mod',
  'drivers/cdrom/cdrom',
  'drivers/scsi/sr_mod',
  'fs/nls/nls_cp437',
  'fs/nls/nls_ascii',
  'fs/fat/fat',
  'fs/fat/vfat',
  'fs/isofs/isofs',
].map((name) => `${name}.ko`);
/** The same for virtio input devices and what reads them. */
const inputModules = [
  'drivers/virtio/virtio',
  'drivers/virtio/virtio_ring',
  'drivers/virtio/virtio_pci_legacy_dev',
  'drivers/virtio/virtio_pci_modern_dev',
  'drivers/virtio/virtio_pci',
  'drivers/virtio/virtio_input',
  'drivers/input/evdev',
].map((name) => `${name}.ko`);
/** @param {string[]} names */
const kept = (names) => names.map((name) => path.join(folder, path.basename(name)));
export const debianModules = kept(modules);
export const debianInputModules = kept(inputModules);

const seconds = 240;

function run(program, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: seconds * 1000 });
  if (status !== 0) throw new Error(`${program}: ${(error?.message ?? stderr ?? '').trim().split('\n').at(-1)}`);
  return stdout;
}

/** Fetches what is missing; says so when it cannot be had, and then the tests that need it are skipped. */
export function ensureDebianI386(say) {
  if ([debianKernel, debianBusybox, ...debianModules, ...debianInputModules].every((file) => existsSync(file))) return;
  if (!existsSync('/etc/debian_version') || !existsSync('/usr/bin/apt-get')) return;
  say("Getting Debian's kernel for i386 (about 50 MB, once) ...");
  mkdirSync(path.dirname(folder), { recursive: true });
  const work = mkdtempSync(path.join(path.dirname(folder), 'fetch-'));
  try {
    for (const name of ['lists/partial', 'cache/archives/partial', 'files', 'tree']) mkdirSync(path.join(work, name), { recursive: true });
    const settings = {
      'APT::Architecture': 'i386',
      'APT::Architectures': 'i386',
      'Dir::State::Lists': path.join(work, 'lists'),
      'Dir::Cache': path.join(work, 'cache'),
      'APT::Sandbox::User': 'root',
    };
    const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
    // A source that cannot be reached need not be the one that has them.
    spawnSync('apt-get', [...options, '-qq', 'update'], { timeout: seconds * 1000 });
    const kernel = /Depends: (linux-image-\S+)/.exec(run('apt-cache', [...options, 'depends', 'linux-image-686']))?.[1];
    if (kernel === undefined) throw new Error('linux-image-686 names no kernel');
    const files = path.join(work, 'files');
    run('apt-get', [...options, '-qq', 'download', kernel, 'busybox-static'], files);
    for (const name of readdirSync(files)) run('dpkg-deb', ['-x', path.join(files, name), path.join(work, 'tree')]);
    const made = path.join(work, 'made');
    mkdirSync(made);
    const boot = path.join(work, 'tree', 'boot');
    const image = readdirSync(boot).find((name) => name.startsWith('vmlinuz-'));
    if (image === undefined) throw new Error(`${kernel} has no vmlinuz`);
    copyFileSync(path.join(boot, image), path.join(made, 'vmlinuz'));
    copyFileSync(path.join(work, 'tree', 'bin', 'busybox'), path.join(made, 'busybox'));
    const kernelModules = path.join(work, 'tree', 'lib', 'modules', image.replace('vmlinuz-', ''), 'kernel');
    for (const name of [...modules, ...inputModules]) copyFileSync(path.join(kernelModules, name), path.join(made, path.basename(name)));
    rmSync(folder, { recursive: true, force: true });
    renameSync(made, folder);
  } catch (error) {
    say(`It cannot be had: ${error.message}.`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
