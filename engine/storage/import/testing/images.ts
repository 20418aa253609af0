/** Small images of other programs, for tests. Those programs' own are compared in test/oracle/import.spec.ts. */
import { deflateSync } from 'node:zlib';

const SECTOR = 512;
const GRAIN = 65536;

/** A sparse VMDK with these grains; compressed ones have their directory at the end. `packed` takes the place of the first grain's packed content. */
export function sparseVmdk(
  bytes: number,
  grains: ReadonlyMap<number, Uint8Array>,
  options: { compressed?: boolean; packed?: Uint8Array } = {},
): Uint8Array<ArrayBuffer> {
  const tables = Math.ceil(bytes / (GRAIN * 512));
  const parts: Uint8Array[] = [];
  let length = 0;
  const put = (part: Uint8Array): number => {
    const at = length / SECTOR;
    const whole = new Uint8Array(Math.ceil(part.length / SECTOR) * SECTOR);
    whole.set(part);
    parts.push(whole);
    length += whole.length;
    return at;
  };
  const header = new DataView(new ArrayBuffer(SECTOR));
  put(new Uint8Array(header.buffer));
  // Sector 1 as a grain's place would say that it is zero.
  put(new Uint8Array(SECTOR));
  const places = new Map<number, number>();
  for (const [index, content] of grains) {
    if (!options.compressed) {
      places.set(index, put(content));
      continue;
    }
    const packed = options.packed ?? deflateSync(content);
    const marked = new Uint8Array(12 + packed.length);
    const view = new DataView(marked.buffer);
    view.setBigUint64(0, BigInt((index * GRAIN) / SECTOR), true);
    view.setUint32(8, packed.length, true);
    marked.set(packed, 12);
    places.set(index, put(marked));
  }
  const directory = new DataView(new ArrayBuffer(tables * 4));
  for (let table = 0; table < tables; table++) {
    const entries = new DataView(new ArrayBuffer(512 * 4));
    for (const [index, place] of places) if (Math.floor(index / 512) === table) entries.setUint32((index % 512) * 4, place, true);
    directory.setUint32(table * 4, put(new Uint8Array(entries.buffer)), true);
  }
  const directoryAt = put(new Uint8Array(directory.buffer));
  const fill = (view: DataView, place: bigint): void => {
    view.setUint32(0, 0x564d444b, true);
    view.setUint32(4, options.compressed ? 3 : 1, true);
    view.setUint32(8, options.compressed ? 0x30001 : 1, true);
    view.setBigUint64(12, BigInt(bytes / SECTOR), true);
    view.setBigUint64(20, BigInt(GRAIN / SECTOR), true);
    view.setUint32(44, 512, true);
    view.setBigUint64(56, place, true);
    view.setUint16(77, options.compressed ? 1 : 0, true);
  };
  if (options.compressed) {
    fill(header, 2n ** 64n - 1n);
    const footer = new DataView(new ArrayBuffer(SECTOR));
    fill(footer, BigInt(directoryAt));
    put(new Uint8Array(SECTOR));
    put(new Uint8Array(footer.buffer));
    put(new Uint8Array(SECTOR));
  } else fill(header, BigInt(directoryAt));
  parts[0] = new Uint8Array(header.buffer);
  return join(parts, length);
}

/** A dynamic VDI with blocks of 1 MiB, each filled with one value. */
export function vdi(bytes: number, blocks: ReadonlyMap<number, number>): Uint8Array<ArrayBuffer> {
  const count = bytes / (1 << 20);
  const data = 4096;
  const image = new Uint8Array(data + blocks.size * (1 << 20));
  const view = new DataView(image.buffer);
  view.setUint32(64, 0xbeda107f, true);
  view.setUint32(68, 0x00010001, true);
  view.setUint32(76, 1, true);
  view.setUint32(340, 512, true);
  view.setUint32(344, data, true);
  view.setUint32(360, SECTOR, true);
  view.setBigUint64(368, BigInt(bytes), true);
  view.setUint32(376, 1 << 20, true);
  view.setUint32(384, count, true);
  for (let block = 0; block < count; block++) view.setUint32(512 + block * 4, 0xffffffff, true);
  [...blocks].forEach(([block, value], place) => {
    view.setUint32(512 + block * 4, place, true);
    image.fill(value, data + place * (1 << 20), data + (place + 1) * (1 << 20));
  });
  return image;
}

/** A tar archive. */
export function archive(files: Readonly<Record<string, string | Uint8Array>>): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const [name, given] of Object.entries(files)) {
    const content = typeof given === 'string' ? new TextEncoder().encode(given) : given;
    const header = Buffer.alloc(SECTOR);
    header.write(name);
    header.write('0000644\0', 100);
    header.write(content.length.toString(8).padStart(11, '0'), 124);
    header.write('        0', 148);
    header.write('ustar\0', 257);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    parts.push(header, content, new Uint8Array((SECTOR - (content.length % SECTOR)) % SECTOR));
  }
  parts.push(new Uint8Array(2 * SECTOR));
  return join(
    parts,
    parts.reduce((sum, { length }) => sum + length, 0),
  );
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** An appliance's description: one disk in the archive, one empty, EFI. */
export const OVF = `<?xml version="1.0"?>
<!-- as VMware writes it -->
<Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="r" xmlns:vmw="v" xmlns:vbox="b">
  <References><File ovf:href="box-disk1.vmdk" ovf:id="file1" ovf:size="65536"/></References>
  <DiskSection>
    <Info>Disks</Info>
    <Disk ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1"/>
    <Disk ovf:capacity="8" ovf:capacityAllocationUnits="GigaBytes" ovf:diskId="vmdisk2"/>
  </DiskSection>
  <VirtualSystem ovf:id="box">
    <Info>A machine</Info>
    <VirtualHardwareSection>
      <Item><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>512</rasd:VirtualQuantity></Item>
      <Item><rasd:ResourceType>10</rasd:ResourceType><rasd:Connection>NAT &amp; more</rasd:Connection></Item>
      <Item><rasd:ResourceType>35</rasd:ResourceType></Item>
      <Item><rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:HostResource>ovf:/disk/vmdisk2</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item>
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
