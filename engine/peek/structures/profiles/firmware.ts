/** What firmware leaves in memory: BIOS data area, MP tables (Intel MultiProcessor Specification 1.4), ACPI tables (ACPI 6.5, chapter 5). */
import { sumIsZero, word16, type Profile } from './profile.ts';

export const biosData: Profile = {
  id: 'bios-data',
  title: 'BIOS data area',
  types: `
    struct bios_data packed {
      u16 serial_ports[4]; u16 parallel_ports[3]; u16 extended_area;
      u16 equipment; u8 reserved_0; u16 memory_kib; u16 reserved_1;
      u8 keyboard_flags[2]; u8 alternate_code; u16 keyboard_head; u16 keyboard_tail; u16 keyboard_buffer[16];
      u8 floppy_recalibrate; u8 floppy_motors; u8 floppy_time_out; u8 floppy_status; u8 controller_status[7];
      u8 video_mode; u16 video_columns; u16 video_page_bytes; u16 video_page_start;
      u16 cursors[8]; u16 cursor_shape; u8 video_page; u16 video_port; u8 video_control; u8 video_palette;
      u8 reserved_2[5]; u32 ticks; u8 ticks_overflow; u8 break_flag; u16 reset_flag; u8 disk_status; u8 disk_count;
    } size 0x100;
  `,
  views: [{ name: 'BIOS data area', expression: '*(struct bios_data *)0x400', description: 'at 0x400', physical: true }],
  note: (type, bytes) =>
    type === 'struct bios_data' ? `${word16(bytes, 0x13)} KiB of base memory, ${word16(bytes, 0x4a)} columns` : undefined,
};

export const mpTables: Profile = {
  id: 'mp-tables',
  title: 'MP tables',
  types: `
    struct mp_pointer { char signature[4]; u32 table; u8 length; u8 revision; u8 checksum; u8 features[5]; };
    struct mp_header {
      char signature[4]; u16 length; u8 revision; u8 checksum; char oem[8]; char product[12];
      u32 oem_table; u16 oem_bytes; u16 entries; u32 local_apic; u16 extended_bytes; u8 extended_checksum; u8 reserved;
    };
    struct mp_processor { u8 type; u8 apic_id; u8 apic_version; u8 enabled : 1; u8 boot : 1; u8 unused : 6; u32 signature; u32 features; u32 reserved[2]; };
  `,
  views: [
    {
      name: 'MP pointer',
      expression: '(struct mp_pointer *)$mp_pointer',
      description: 'the floating pointer structure',
      physical: true,
      follow: 1,
    },
    {
      name: 'MP table',
      expression: '*(struct mp_header *)((struct mp_pointer *)$mp_pointer)->table',
      description: 'its header',
      physical: true,
    },
    {
      name: 'Processors',
      expression: 'array((struct mp_processor *)(((struct mp_pointer *)$mp_pointer)->table + 44), 4)',
      description: 'the first entries; type 0 is a processor',
      physical: true,
    },
  ],
  note: (type, bytes) => (type === 'struct mp_pointer' && !sumIsZero(bytes) ? 'the checksum is wrong' : undefined),
};

export const acpiTables: Profile = {
  id: 'acpi-tables',
  title: 'ACPI tables',
  types: `
    struct rsdp { char signature[8]; u8 checksum; char oem[6]; u8 revision; u32 rsdt; };
    struct acpi_header {
      char signature[4]; u32 length; u8 revision; u8 checksum; char oem[6]; char table[8]; u32 oem_revision; char creator[4]; u32 creator_revision;
    };
    struct rsdt { struct acpi_header header; struct acpi_header *entries[]; };
  `,
  views: [
    { name: 'RSDP', expression: '*(struct rsdp *)$rsdp', description: 'the root pointer', physical: true },
    {
      name: 'RSDT',
      expression: '((struct rsdt *)((struct rsdp *)$rsdp)->rsdt)->header',
      description: 'its header',
      physical: true,
    },
    {
      name: 'Tables',
      expression:
        'array(((struct rsdt *)((struct rsdp *)$rsdp)->rsdt)->entries, (((struct rsdt *)((struct rsdp *)$rsdp)->rsdt)->header.length - 36) / 4)',
      description: 'what the RSDT names',
      physical: true,
      follow: 1,
    },
  ],
  note: (type, bytes) => (type === 'struct rsdp' && !sumIsZero(bytes) ? 'the checksum is wrong' : undefined),
};
