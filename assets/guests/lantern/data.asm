; Data. Everything here is mapped writable.

        align 8
gdt:
        dq 0
        dq 0x00cf9a000000ffff           ; CODE: flat, execute/read
        dq 0x00cf92000000ffff           ; DATA: flat, read/write
        dq 0x00cf12000000ffff           ; ABSENT
GDT_SIZE        equ $ - gdt
gdt_pointer:
        dw GDT_SIZE - 1
        dd gdt
        align 8
idt:
        times VECTORS dq 0
IDT_SIZE        equ $ - idt
idt_pointer:
        dw IDT_SIZE - 1
        dd idt
        align 4
table_store     dd 0, 0

; Both controllers: start, vector base, wiring, 8086 mode, mask. Open: timer, keyboard, cascade, COM1.
pic_setup:
        db PIC1, 0x11, PIC2, 0x11
        db PIC1 + 1, IRQ_BASE, PIC2 + 1, IRQ_BASE + 8
        db PIC1 + 1, 1 << 2, PIC2 + 1, 2
        db PIC1 + 1, 0x01, PIC2 + 1, 0x01
        db PIC1 + 1, 0xe8, PIC2 + 1, 0xff
PIC_SETUP_COUNT equ ($ - pic_setup) / 2

; Register and value: 115,200 baud, 8N1, FIFO on and empty, all modem lines, interrupt on received data.
serial_setup    db 3, 0x80, 0, 1, 1, 0, 3, 0x03, 2, 0x07, 4, 0x0b, 1, 0x01, 0xff, 0

        align 4
irq_handlers:
        dd on_timer, on_keyboard, ignore_irq, ignore_irq, on_serial, ignore_irq, ignore_irq, ignore_irq
        times 8 dd ignore_irq
irq_names:
        dd irq_timer, irq_keyboard, 0, 0, irq_serial
        times 11 dd 0
irq_timer       db 'timer', 0
irq_keyboard    db 'keyboard', 0
irq_serial      db 'serial line', 0

exception_names:
        dd name_de, name_db, name_nmi, name_bp, name_of, name_br, name_ud, name_nm
        dd name_df, name_other, name_ts, name_np, name_ss, name_gp, name_pf, name_other
        dd name_mf, name_ac, name_mc, name_xm
        times 12 dd name_other
name_de         db 'divide error', 0
name_db         db 'debug', 0
name_nmi        db 'non-maskable interrupt', 0
name_bp         db 'breakpoint', 0
name_of         db 'overflow', 0
name_br         db 'bound range exceeded', 0
name_ud         db 'undefined opcode', 0
name_nm         db 'no coprocessor', 0
name_df         db 'double fault', 0
name_ts         db 'invalid task state segment', 0
name_np         db 'segment not present', 0
name_ss         db 'stack fault', 0
name_gp         db 'general protection', 0
name_pf         db 'page fault', 0
name_mf         db 'floating-point error', 0
name_ac         db 'alignment check', 0
name_mc         db 'machine check', 0
name_xm         db 'SIMD floating-point error', 0
name_other      db 'reserved exception', 0

text_read       db 'read of a page that ', 0
text_write      db 'write to a page that ', 0
text_not_present db 'is not present', 0
text_not_allowed db 'does not allow it', 0
text_directory_entry db '  pde @', 0
text_table_entry db '  pte @', 0

; Name of three letters with its zero, then the offset in Frame.
frame_names:
        db 'eax', 0, Frame.eax, 'ebx', 0, Frame.ebx, 'ecx', 0, Frame.ecx, 'edx', 0, Frame.edx
        db 'esi', 0, Frame.esi, 'edi', 0, Frame.edi, 'ebp', 0, Frame.ebp, 'efl', 0, Frame.eflags

flag_names:
        db 0, 'CF', 0, 2, 'PF', 0, 4, 'AF', 0, 6, 'ZF', 0, 7, 'SF', 0, 8, 'TF', 0, 9, 'IF', 0, 10, 'DF', 0, 11, 'OF', 0, 0xff
cr0_names:
        db 0, 'PE', 0, 1, 'MP', 0, 2, 'EM', 0, 3, 'TS', 0, 4, 'ET', 0, 5, 'NE', 0, 16, 'WP', 0, 18, 'AM', 0
        db 29, 'NW', 0, 30, 'CD', 0, 31, 'PG', 0, 0xff
cr4_names:
        db 0, 'VME', 0, 1, 'PVI', 0, 2, 'TSD', 0, 3, 'DE', 0, 4, 'PSE', 0, 5, 'PAE', 0, 6, 'MCE', 0, 7, 'PGE', 0, 0xff
attribute_letters:
        db 1, 'W', 2, 'U', 5, 'A', 6, 'D', 7, 'L', 8, 'G', 0xff

; CPUID leaf 1, EDX, from bit 0 up.
feature_names:
        db 'fpu', 0, 'vme', 0, 'de', 0, 'pse', 0, 'tsc', 0, 'msr', 0, 'pae', 0, 'mce', 0
        db 'cx8', 0, 'apic', 0, '-', 0, 'sep', 0, 'mtrr', 0, 'pge', 0, 'mca', 0, 'cmov', 0
        db 'pat', 0, 'pse36', 0, 'psn', 0, 'clflush', 0, '-', 0, 'ds', 0, 'acpi', 0, 'mmx', 0
        db 'fxsr', 0, 'sse', 0, 'sse2', 0, 'ss', 0, 'ht', 0, 'tm', 0, 'ia64', 0, 'pbe', 0

; Name, routine, arguments, description; a zero name ends the list.
        align 4
commands:
        dd cmd_help, command_help, arg_none, about_help
        dd cmd_regs, command_regs, arg_none, about_regs
        dd cmd_mem, command_mem, arg_mem, about_mem
        dd cmd_pages, command_pages, arg_pages, about_pages
        dd cmd_maps, command_maps, arg_none, about_maps
        dd cmd_ticks, command_ticks, arg_none, about_ticks
        dd cmd_cpuid, command_cpuid, arg_none, about_cpuid
        dd cmd_fault, command_fault, arg_fault, about_fault
        dd cmd_sieve, command_sieve, arg_sieve, about_sieve
        dd cmd_clear, command_clear, arg_none, about_clear
        dd cmd_reboot, command_reboot, arg_none, about_reboot
        dd cmd_off, command_off, arg_none, about_off
        dd 0
cmd_help        db 'help', 0
cmd_regs        db 'regs', 0
cmd_mem         db 'mem', 0
cmd_pages       db 'pages', 0
cmd_maps        db 'maps', 0
cmd_ticks       db 'ticks', 0
cmd_cpuid       db 'cpuid', 0
cmd_fault       db 'fault', 0
cmd_sieve       db 'sieve', 0
cmd_clear       db 'clear', 0
cmd_reboot      db 'reboot', 0
cmd_off         db 'off', 0
arg_none        db 0
arg_mem         db 'HEX [COUNT]', 0
arg_pages       db 'HEX', 0
arg_fault       db 'N', 0
arg_sieve       db 'N', 0
about_help      db 'this list', 0
about_regs      db 'registers, with their flags', 0
about_mem       db 'memory as bytes and text', 0
about_pages     db 'the page walk of an address', 0
about_maps      db 'what is mapped (Write User Accessed Dirty Large Global)', 0
about_ticks     db 'interrupts so far, and the time', 0
about_cpuid     db 'the processor about itself', 0
about_fault     db 'provokes exception N, shows the report and goes on', 0
about_sieve     db 'the primes up to N', 0
about_clear     db 'clears the screen', 0
about_reboot    db 'resets the machine', 0
about_off       db 'switches the machine off', 0

        align 4
fault_makers:
        dd fault_divide, fault_debug, 0, fault_breakpoint, fault_overflow, fault_bound, fault_undefined, 0
        dd 0, 0, 0, fault_not_present, fault_stack, fault_protection, fault_page
FAULTS          equ ($ - fault_makers) / 4
bounds          dd 0, 10

hex_digits      db '0123456789abcdef'
                times 24 db 0
number_end      db 0

keys_plain:
        db 0, 27, '1234567890-=', BACKSPACE, 9, 'qwertyuiop[]', RETURN, 0, 'asdfghjkl;', 39, '`', 0, '\zxcvbnm,./', 0, '*', 0, ' '
KEY_COUNT       equ $ - keys_plain
keys_shifted:
        db 0, 27, '!@#$%^&*()_+', BACKSPACE, 9, 'QWERTYUIOP{}', RETURN, 0, 'ASDFGHJKL:', '"', '~', 0, '|ZXCVBNM<>?', 0, '*', 0, ' '

        align 4
memory_end      dd 0                    ; bytes of RAM that are mapped, a multiple of 4 MiB
memory_found    dd 16                   ; MiB, as the loader says
cursor          dd 0                    ; cell of the next character
ticks           dd 0
latest          dd 0, 0                 ; what microseconds said last
stored          dd 0                    ; characters put into the queue, and taken out
taken           dd 0
sieve_start     dd 0
run_start       dd 0
run_size        dd 0
run_entry       dd 0
run_delta       dd 0
interrupt_counts times VECTORS dd 0
vendor          times 13 db 0
colour          db GREY
shifted         db 0
QUEUE_SIZE      equ 256                 ; a power of two
queue           times QUEUE_SIZE db 0
LINE_SIZE       equ 64
line            times LINE_SIZE + 1 db 0
