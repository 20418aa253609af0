/** What an appliance's description (OVF, DSP0243) says of its machine. */
import { damaged, unsupported } from './read-only-disk.ts';
import { descendants, readXml, type XmlElement } from './xml.ts';

export interface Appliance {
  name: string;
  cpus: number | undefined;
  memoryBytes: number | undefined;
  /** Files of the disks, in the order in which they are attached. */
  disks: { file: string; compression: string | undefined }[];
  /** Attached disks that are empty at first, in bytes. */
  emptyDisks: number[];
  firmware: 'bios' | 'efi';
  networkCards: number;
  /** Each as a short name: sound card, USB controller. */
  otherDevices: string[];
}

/** Types of hardware (CIM_ResourceAllocationSettingData.ResourceType). */
const resource = { processor: '3', memory: '4', ethernet: '10', diskette: '14', disk: '17', usb: '23' } as const;
const otherTypes: Readonly<Record<string, string>> = {
  [resource.usb]: 'USB controller',
  '35': 'sound card',
  '24': 'graphics card',
};
const mostDisks = 4;

const child = (element: XmlElement, name: string): string | undefined => element.children.find((one) => one.name === name)?.text;

/** "byte * 2^20", "MegaBytes", "byte*1024" and the like, as bytes. */
function unitOf(path: string, text: string | undefined): number {
  const unit = (text ?? '').replaceAll(/\s/g, '').toLowerCase();
  if (unit === '' || unit === 'byte' || unit === 'bytes') return 1;
  const power = /^bytes?\*(\d+)\^(\d+)$/.exec(unit);
  if (power) return Number(power[1]) ** Number(power[2]);
  const times = /^bytes?\*(\d+)$/.exec(unit);
  if (times) return Number(times[1]);
  const words: Readonly<Record<string, number>> = {
    kilobytes: 2 ** 10,
    kb: 2 ** 10,
    megabytes: 2 ** 20,
    mb: 2 ** 20,
    gigabytes: 2 ** 30,
    gb: 2 ** 30,
  };
  const known = words[unit];
  if (known === undefined) throw unsupported(path, `its description counts in "${text}"`);
  return known;
}

function whole(path: string, text: string | undefined, what: string): number | undefined {
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw damaged(path, `its description says ${what}: "${text.slice(0, 40)}"`);
  return value;
}

/** `path` is for messages. Throws StorageError. */
export function readOvf(path: string, text: string): Appliance {
  const envelope = readXml(path, text);
  if (envelope.name !== 'Envelope') throw damaged(path, 'its description is none of an appliance');
  const systems = descendants(envelope, 'VirtualSystem');
  const [system] = systems;
  if (!system) throw damaged(path, 'its description has no machine');
  if (systems.length > 1) throw unsupported(path, `it holds ${systems.length} machines; export one by one`);
  const items = descendants(system, 'Item').concat(descendants(system, 'StorageItem'), descendants(system, 'EthernetPortItem'));
  const typeOf = (item: XmlElement): string =>
    child(item, 'ResourceType') ??
    (item.name === 'EthernetPortItem' ? resource.ethernet : item.name === 'StorageItem' ? resource.disk : '');
  const quantity = (type: string): XmlElement | undefined => items.find((item) => typeOf(item) === type);

  const memory = quantity(resource.memory);
  const amount = memory && whole(path, child(memory, 'VirtualQuantity'), 'its memory');
  const processor = quantity(resource.processor);
  const files = new Map(descendants(envelope, 'File').map((file) => [file.attributes.get('id') ?? '', file.attributes]));
  const known = new Map(descendants(envelope, 'Disk').map((disk) => [disk.attributes.get('diskId') ?? '', disk.attributes]));

  const disks: Appliance['disks'] = [];
  const emptyDisks: number[] = [];
  for (const item of items.filter((one) => typeOf(one) === resource.disk)) {
    const id = /\/?disk\/(.+)$/.exec(child(item, 'HostResource') ?? '')?.[1] ?? '';
    const disk = known.get(id);
    if (!disk) throw damaged(path, `its description attaches the disk "${id}", of which it says nothing`);
    const reference = disk.get('fileRef');
    if (reference === undefined) {
      const bytes = (whole(path, disk.get('capacity'), 'a disk’s size') ?? 0) * unitOf(path, disk.get('capacityAllocationUnits'));
      if (!Number.isSafeInteger(bytes) || bytes <= 0) throw damaged(path, `its description has a disk of ${bytes} bytes`);
      emptyDisks.push(bytes);
      continue;
    }
    const file = files.get(reference)?.get('href');
    if (file === undefined) throw damaged(path, `its description has no file "${reference}"`);
    disks.push({ file, compression: files.get(reference)?.get('compression') });
  }
  if (disks.length + emptyDisks.length > mostDisks)
    throw unsupported(path, `it has ${disks.length + emptyDisks.length} disks; a machine has room for ${mostDisks}`);
  const configured = descendants(system, 'Config')
    .find((one) => one.attributes.get('key')?.toLowerCase() === 'firmware')
    ?.attributes.get('value');
  const virtualBox = descendants(system, 'Firmware')[0]?.attributes.get('type');
  return {
    name: child(system, 'Name') || system.attributes.get('id') || '',
    cpus: processor && whole(path, child(processor, 'VirtualQuantity'), 'its processors'),
    memoryBytes:
      amount === undefined ? undefined : amount * unitOf(path, child(memory ?? system, 'AllocationUnits') ?? 'byte * 2^20'),
    disks,
    emptyDisks,
    firmware: /efi/i.test(configured ?? virtualBox ?? '') ? 'efi' : 'bios',
    networkCards: items.filter((item) => typeOf(item) === resource.ethernet).length,
    otherDevices: [...new Set(items.flatMap((item) => otherTypes[typeOf(item)] ?? []))],
  };
}
