/** What the processor itself reads: descriptor tables, task state, page tables (SDM vol. 3, chapters 3, 4, 6 and 8). */
import { decodeDescriptor, decodeGate, describe } from '../../descriptors.ts';
import { describeEntry } from '../../paging-entry.ts';
import { word16, word32, word64, type Profile } from './profile.ts';

const hex = (value: number): string => `0x${value.toString(16)}`;

export const descriptorTables: Profile = {
  id: 'descriptor-tables',
  title: 'Descriptor tables',
  types: `
    struct segment_descriptor {
      u16 limit_low; u16 base_low; u8 base_middle;
      u8 type : 4; u8 is_segment : 1; u8 privilege : 2; u8 present : 1;
      u8 limit_high : 4; u8 available : 1; u8 long_mode : 1; u8 big : 1; u8 granular : 1;
      u8 base_high;
    };
    struct gate_descriptor {
      u16 offset_low; u16 selector; u8 parameters;
      u8 type : 4; u8 is_segment : 1; u8 privilege : 2; u8 present : 1;
      u16 offset_high;
    };
    struct real_vector { u16 offset; u16 segment; };
  `,
  views: [
    {
      name: 'GDT',
      expression: 'array((struct segment_descriptor *)$gdt_base, ($gdt_limit + 1) / 8)',
      description: 'segments and system descriptors',
    },
    {
      name: 'IDT',
      expression: 'array((struct gate_descriptor *)$idt_base, ($idt_limit + 1) / 8)',
      description: 'a gate for each vector',
    },
    {
      name: 'LDT',
      expression: 'array((struct segment_descriptor *)$ldt_base, ($ldt_limit + 1) / 8)',
      description: 'segments of the task',
    },
    { name: 'IVT', expression: 'array((struct real_vector *)$idt_base, 256)', description: 'vectors in real mode' },
  ],
  note: (type, bytes) => {
    if (type === 'struct segment_descriptor') return describe(decodeDescriptor(bytes));
    if (type === 'struct gate_descriptor') return describe(decodeGate(bytes));
    return type === 'struct real_vector'
      ? `${word16(bytes, 2).toString(16).padStart(4, '0')}:${word16(bytes, 0).toString(16).padStart(4, '0')}`
      : undefined;
  },
};

export const taskState: Profile = {
  id: 'task-state',
  title: 'Task-state segment',
  types: `
    struct tss {
      u16 previous_task; u16 reserved_0;
      u32 esp0; u16 ss0; u16 reserved_1; u32 esp1; u16 ss1; u16 reserved_2; u32 esp2; u16 ss2; u16 reserved_3;
      u32 cr3; u32 eip; u32 eflags; u32 eax; u32 ecx; u32 edx; u32 ebx; u32 esp; u32 ebp; u32 esi; u32 edi;
      u16 es; u16 reserved_4; u16 cs; u16 reserved_5; u16 ss; u16 reserved_6; u16 ds; u16 reserved_7; u16 fs; u16 reserved_8; u16 gs; u16 reserved_9;
      u16 ldt; u16 reserved_10; u16 trap : 1; u16 reserved_11 : 15; u16 io_map_base;
    };
    struct tss16 {
      u16 previous_task; u16 sp0; u16 ss0; u16 sp1; u16 ss1; u16 sp2; u16 ss2;
      u16 ip; u16 flags; u16 ax; u16 cx; u16 dx; u16 bx; u16 sp; u16 bp; u16 si; u16 di; u16 es; u16 cs; u16 ss; u16 ds; u16 ldt;
    };
  `,
  views: [{ name: 'TSS', expression: '*(struct tss *)$tr_base', description: 'the running task’s' }],
  note: (type, bytes) => {
    if (type !== 'struct tss') return undefined;
    const map = word16(bytes, 0x66);
    return `I/O map at ${hex(map)}, inner stacks 0: ${hex(word16(bytes, 8))}:${hex(word32(bytes, 4))}`;
  },
};

/** A profile sees bytes and no CR4: a set PS bit counts as a large page. */
const plainForm = { extended: false, large: true };
const extendedForm = { extended: true, large: true };

export const pageTables: Profile = {
  id: 'page-tables',
  title: 'Page tables',
  types: `
    struct directory_entry {
      u32 present : 1; u32 writable : 1; u32 user : 1; u32 write_through : 1; u32 cache_disabled : 1; u32 accessed : 1; u32 dirty : 1;
      u32 large : 1; u32 global : 1; u32 available : 3; u32 frame : 20;
    };
    struct table_entry {
      u32 present : 1; u32 writable : 1; u32 user : 1; u32 write_through : 1; u32 cache_disabled : 1; u32 accessed : 1; u32 dirty : 1;
      u32 pat : 1; u32 global : 1; u32 available : 3; u32 frame : 20;
    };
    struct extended_entry {
      u64 present : 1; u64 writable : 1; u64 user : 1; u64 write_through : 1; u64 cache_disabled : 1; u64 accessed : 1; u64 dirty : 1;
      u64 large : 1; u64 global : 1; u64 available : 3; u64 frame : 40; u64 ignored : 11; u64 no_execute : 1;
    };
  `,
  views: [
    {
      name: 'Directory',
      expression: 'array((struct directory_entry *)($cr3 / 4096 * 4096), 1024)',
      description: '32-bit paging, at CR3',
      physical: true,
    },
    {
      name: 'Pointers (PAE)',
      expression: 'array((struct extended_entry *)($cr3 / 32 * 32), 4)',
      description: 'PAE, at CR3',
      physical: true,
    },
  ],
  note: (type, bytes) => {
    if (type === 'struct extended_entry') return describeEntry(word64(bytes, 0), 'pointer', extendedForm);
    if (type === 'struct directory_entry') return describeEntry(BigInt(word32(bytes, 0)), 'directory', plainForm);
    return type === 'struct table_entry' ? describeEntry(BigInt(word32(bytes, 0)), 'table', plainForm) : undefined;
  },
};
