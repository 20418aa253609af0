import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { StorageError } from '../block-device.ts';
import { sequence } from '../testing/crash.ts';
import { MemoryFile } from '../testing/memory-file.ts';
import { foreignFormat, openForeignDisk } from './foreign.ts';
import { openAppliance } from './ova.ts';
import { readOvf } from './ovf.ts';
import { archive, OVF, sparseVmdk, vdi } from './testing/images.ts';

const DISK_BYTES = 1 << 20;

function contentOf(file: MemoryFile): Uint8Array {
  const format = foreignFormat(file);
  if (format !== 'vmdk' && format !== 'vdi') throw new Error(`It is ${format}.`);
  const { device } = openForeignDisk(file, format);
  const bytes = new Uint8Array(device.bytes);
  device.read(0, bytes);
  device.close();
  return bytes;
}

const grain = (value: number): Uint8Array => new Uint8Array(65536).fill(value);

describe('a VMDK disk', () => {
  it('has its grains where its tables say, and zeros elsewhere', () => {
    const bytes = contentOf(new MemoryFile(sparseVmdk(DISK_BYTES, new Map([[3, grain(7)]]))));
    expect(bytes.length).toBe(DISK_BYTES);
    expect([bytes[3 * 65536 - 1], bytes[3 * 65536], bytes[4 * 65536 - 1], bytes[4 * 65536]]).toEqual([0, 7, 7, 0]);
  });

  it('may be compressed, with its directory at the end', () => {
    const bytes = contentOf(
      new MemoryFile(
        sparseVmdk(
          DISK_BYTES,
          new Map([
            [0, grain(9)],
            [15, grain(1)],
          ]),
          { compressed: true },
        ),
      ),
    );
    expect([bytes[0], bytes[65536], bytes[DISK_BYTES - 1]]).toEqual([9, 0, 1]);
  });

  it('is refused when it is only a difference, names a file elsewhere, or has none of its parts', () => {
    const text = (...lines: string[]): MemoryFile =>
      new MemoryFile(new TextEncoder().encode(['# Disk DescriptorFile', 'createType="monolithicFlat"', ...lines].join('\n')));
    const refusal = (file: MemoryFile): unknown => {
      try {
        openForeignDisk(file, 'vmdk', () => new MemoryFile(new Uint8Array(512)));
      } catch (error) {
        return error instanceof StorageError ? error.message : error;
      }
      return undefined;
    };
    expect(refusal(text('parentCID=12345678', 'RW 1 FLAT "a" 0'))).toContain('only the difference');
    expect(refusal(text('RW 1 FLAT "../../etc/passwd" 0'))).toContain('not a file beside it');
    expect(refusal(text('RW 1 FLAT "/etc/passwd" 0'))).toContain('not a file beside it');
    expect(refusal(text('RW 9 FLAT "a" 0'))).toContain('512 bytes, and the disk needs 4608');
    expect(refusal(text())).toContain('names no extent');
    expect(refusal(text('RW 1 VMFSRDM "a"'))).toContain('of the kind VMFSRDM');
    expect(() => openForeignDisk(text('RW 1 FLAT "a" 0'), 'vmdk')).toThrow('its content is in another file, a');
  });
});

describe('a VDI disk', () => {
  it('has its blocks where its table says, and zeros elsewhere', () => {
    const bytes = contentOf(new MemoryFile(vdi(4 << 20, new Map([[2, 5]]))));
    expect([bytes[2 << 20], bytes[(3 << 20) - 1], bytes[3 << 20], bytes[0]]).toEqual([5, 5, 0, 0]);
  });

  it('is refused when it needs another one', () => {
    const image = vdi(1 << 20, new Map());
    new DataView(image.buffer).setUint32(76, 4, true);
    expect(() => contentOf(new MemoryFile(image))).toThrow('a differencing image, which needs another one');
  });
});

describe('an appliance', () => {
  it('says its machine and its disks, and its disk is read in the archive', () => {
    const disk = sparseVmdk(DISK_BYTES, new Map([[1, grain(3)]]));
    const { appliance, disk: open } = openAppliance(new MemoryFile(archive({ 'box.ovf': OVF, 'box-disk1.vmdk': disk })));
    expect(appliance).toEqual({
      name: 'box',
      cpus: 2,
      memoryBytes: 512 * 1024 * 1024,
      disks: [{ file: 'box-disk1.vmdk', compression: undefined }],
      emptyDisks: [8 * 1024 ** 3],
      firmware: 'efi',
      networkCards: 1,
      otherDevices: ['sound card'],
    });
    const { device } = openForeignDisk(open(0), 'vmdk');
    const bytes = new Uint8Array(512);
    device.read(65536, bytes);
    expect(bytes[0]).toBe(3);
  });

  it('is refused without its description or its disk, and when it holds several machines or a document type', () => {
    const refused = (files: Record<string, string | Uint8Array>): string => {
      try {
        openAppliance(new MemoryFile(archive(files)));
      } catch (error) {
        if (error instanceof StorageError) return error.message;
        throw error;
      }
      return '';
    };
    expect(refused({ 'a.txt': 'nothing' })).toContain('without an appliance’s description');
    expect(refused({ 'box.ovf': OVF })).toContain('does not hold the disk box-disk1.vmdk');
    expect(refused({ 'box.ovf': OVF.replace('</Envelope>', '<VirtualSystem/></Envelope>') })).toContain('2 machines');
    expect(refused({ 'box.ovf': `<!DOCTYPE x [<!ENTITY a "b">]>${OVF}` })).toContain('document type');
    expect(refused({ 'box.ovf': OVF.slice(0, 900) })).toContain('is damaged');
  });

  it('of VirtualBox says its firmware in its own element', () => {
    const text = OVF.replace(/<vmw:Config[^>]*>/, '<vbox:Machine><Hardware><Firmware type="EFI"/></Hardware></vbox:Machine>');
    expect(readOvf('box', text).firmware).toBe('efi');
    expect(readOvf('box', OVF.replace(/<vmw:Config[^>]*>/, '')).firmware).toBe('bios');
  });
});

describe('damaged images', () => {
  const images = [
    sparseVmdk(DISK_BYTES, new Map([[1, grain(1)]])),
    sparseVmdk(DISK_BYTES, new Map([[1, grain(1)]]), { compressed: true }),
    vdi(4 << 20, new Map([[1, 1]])),
    archive({ 'box.ovf': OVF, 'box-disk1.vmdk': sparseVmdk(DISK_BYTES, new Map([[1, grain(3)]])) }),
  ];

  it('are read or refused with a StorageError, and never more', () => {
    let refused = 0;
    let served = 0;
    images.forEach((image, kind) => {
      const random = sequence(kind + 1);
      for (let run = 0; run < 200; run++) {
        const damagedImage = new Uint8Array(image);
        const view = new DataView(damagedImage.buffer);
        for (let count = 1 + random(4); count > 0; count--) {
          const at = random(3) === 0 ? random(image.length - 8) : random(Math.min(1200, image.length - 8));
          const value =
            [0n, 1n, 2n ** 64n - 1n, 2n ** 63n, 2n ** 31n, BigInt(random(2 ** 31)), BigInt(random(4096)), 0xfffffffeffffffffn][
              random(8)
            ] ?? 0n;
          if (random(2) === 0) view.setBigUint64(at, value, true);
          else view.setUint8(at, Number(value & 0xffn));
        }
        const file = new MemoryFile(
          damagedImage.subarray(0, random(4) === 0 ? random(damagedImage.length) : damagedImage.length),
        );
        try {
          const format = foreignFormat(file);
          if (format === undefined) continue;
          const opened = format === 'ova' ? openAppliance(file) : undefined;
          if (opened?.appliance.disks.length === 0) continue;
          const disk = opened ? opened.disk(0) : file;
          const inner = foreignFormat(disk);
          if (inner !== 'vmdk' && inner !== 'vdi') continue;
          const { device } = openForeignDisk(disk, inner);
          const part = new Uint8Array(4096);
          for (let place = 0; place < 32; place++)
            device.read(random(Math.max(1, Math.min(device.bytes - part.length, 1 << 24) / 512)) * 512, part);
          served++;
        } catch (error) {
          if (!(error instanceof StorageError)) throw new Error(`Image ${kind}, run ${run}: ${String(error)}`, { cause: error });
          refused++;
        }
      }
    });
    expect(refused).toBeGreaterThan(50);
    expect(served).toBeGreaterThan(50);
  });

  it('do not make more of a grain than there is', () => {
    const image = sparseVmdk(DISK_BYTES, new Map([[0, grain(0)]]), {
      compressed: true,
      packed: deflateSync(new Uint8Array(32 << 20)),
    });
    expect(() => contentOf(new MemoryFile(image))).toThrow('cannot be unpacked');
  });
});
