; What the agent protects, each in pages of its own; then what changes all the time.

        align PAGE
idt:    times 256 dq 0
        align PAGE, db 0
idt_end:

page_directory: times TABLE_ENTRIES dd 0
page_table:     times TABLE_ENTRIES dd 0
page_tables_end:

processes:
process_first:
        dd process_second, 1, 0
        db 'init', 0, 0, 0, 0, 0, 0, 0, 0
        dd run_first, 0
process_second:
        dd process_third, 2, 1000
        db 'editor', 0, 0, 0, 0, 0, 0
        dd run_second, 0
process_third:
        dd process_first, 3, 1001
        db 'monitor', 0, 0, 0, 0, 0
        dd run_third, 0
        align PAGE, db 0
processes_end:

; From here on nothing is protected.
fake_leaf:
        times PAGE db 0

gdt:    dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_end:
gdt_pointer:
        dw gdt_end - gdt - 1
        dd gdt
idt_pointer:
        dw 256 * 8 - 1
        dd idt

        align 4
run_first:      times RUN_BYTES db 0
run_second:     times RUN_BYTES db 0
run_third:      times RUN_BYTES db 0
turn:           dd 0
cursor:         dd 0
log_at:         dd 0
faults:         dd 0
resume_at:      dd 0
stack_at:       dd 0
target:         dd fake_leaf
wanted:         dd -1
want_entry:     dd 0
next_alert:     dd 0
alert_writer:   dd 0
alert_kind:     dd 0
pages_protected: dd 0
key:            db 0
quiet:          db 0

        align 4
attack_routines:
        dd patch_idt, unlink_process, change_user, patch_text, corrupt_leaf, corrupt_root, corrupt_pointer, remap_processes
attack_count    equ ($ - attack_routines) / 4
attack_names:
        dd name_idt, name_unlink, name_user, name_text, name_leaf, name_root, name_pointer, name_remap

name_idt:       db '1 Patch the IDT. ', 0
name_unlink:    db '2 Unlink a process. ', 0
name_user:      db '3 Change credentials. ', 0
name_text:      db '4 Patch kernel text. ', 0
name_leaf:      db '5 Corrupt a leaf. ', 0
name_root:      db '6 Corrupt the root. ', 0
name_pointer:   db '7 Corrupt a pointer. ', 0
name_remap:     db '8 Remap a page. ', 0

text_title:     db 'guard-lab  a kernel whose tables are protected, and an attacker in it', 10, 10, 0
text_menu:      db 'Attack: 1 IDT  2 unlink a process  3 credentials  4 kernel text', 10
                db '        5 leaf  6 root  7 pointer of the tree  8 page table    a all  q power off', 10, 0
text_process:   db 'process ', 0
text_user:      db '  user ', 0
text_turns:     db '  turns ', 0
text_protected: db 'The agent has ', 0
text_pages:     db ' pages protected, and sealed that.', 10, 0
text_nobody:    db 'Nobody listens to hypercalls: nothing is protected.', 0
text_refused:   db 'The guard refused. ', 0
text_alert:     db 'Alert ', 0
text_tree_alert: db 'TREE ALERT ', 0
text_by:        db ' by ', 0
text_dropped:   db ' denied.', 0
text_fault:     db ' #GP.', 0
text_made:      db ' MADE.', 0
text_held:      db ' Held.', 0
text_lost:      db ' LOST.', 0
text_unseen:    db ' UNSEEN.', 0
text_exception: db ' An exception that nobody expected. ', 0
text_bye:       db 10, 'Bye.', 10, 0

        align 16
boot_stack:     times 4096 db 0
boot_stack_top:
