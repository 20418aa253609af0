/** Kernels: the samples' own, whose symbols come from their assembly, and Linux, whose symbols come from a symbol file. */
import type { Profile } from './profile.ts';

export const lantern: Profile = {
  id: 'lantern',
  title: 'Lantern',
  types: `
    struct table_pointer packed { u16 limit; u32 base; };
  `,
  views: [
    { name: 'GDT pointer', expression: '*(struct table_pointer *)gdt_pointer', description: 'what LGDT was given' },
    { name: 'IDT pointer', expression: '*(struct table_pointer *)idt_pointer', description: 'what LIDT was given' },
    {
      name: 'Interrupt handlers',
      expression: 'array((void **)irq_handlers, 16)',
      description: 'a routine for each interrupt line',
    },
    { name: 'Interrupt names', expression: 'array((char **)irq_names, 16)', description: 'as the shell prints them' },
    { name: 'Exception names', expression: 'array((char **)exception_names, 32)', description: 'as the kernel prints them' },
  ],
};

/** The name is that of the sample (assets/guests/samples.json); the structures are those of its constants.asm. */
export const guardLab: Profile = {
  id: 'guard-lab',
  title: 'Memory guard lab',
  types: `
    struct run { u32 reserved; u32 turns; u32 more[2]; };
    struct process { struct process *next; u32 id; u32 user; char name[12]; struct run *run; u32 reserved; };
    struct table_pointer packed { u16 limit; u32 base; };
  `,
  views: [
    {
      name: 'Processes',
      expression: 'array((struct process *)process_first, 3)',
      description: 'what the agent protects of each, and its changing part',
      follow: 1,
    },
    { name: 'IDT pointer', expression: '*(struct table_pointer *)idt_pointer', description: 'what LIDT was given' },
  ],
};

export const linux: Profile = {
  id: 'linux',
  title: 'Linux',
  types: '',
  views: [
    {
      name: 'Tasks',
      expression: 'list(init_task.tasks, struct task_struct, tasks)',
      description: 'the list of tasks; needs the kernel’s symbol file (ISF) or its DWARF',
    },
    { name: 'Idle task', expression: 'init_task', description: 'the task of the boot processor' },
  ],
};
