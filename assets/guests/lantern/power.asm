; Off and on again, as the chipset (ICH9) has it.

; pci_read: EAX = configuration register EAX (bus, device, function and register as port CF8h wants them).
pci_read:
        push edx
        or eax, 0x80000000
        mov edx, PCI_ADDRESS
        out dx, eax
        mov edx, PCI_DATA
        in eax, dx
        pop edx
        ret

LPC_BRIDGE      equ 31 << 11            ; bus 0, device 31, function 0
LPC_PM_BASE     equ 0x40
PM1_CONTROL     equ 4
SLEEP_ENABLE    equ 1 << 13
SLEEP_TYPE_OFF  equ 7 << 10             ; S5 of the ICH9
SLEEP_TYPE_ZERO equ 0 << 10             ; S5 as some emulated chipsets number it

command_off:
        mov eax, LPC_BRIDGE
        call pci_read
        cmp ax, 0x8086
        jne .nobody
        mov eax, LPC_BRIDGE | LPC_PM_BASE
        call pci_read
        and eax, 0xff80
        jz .nobody
        say GREY, 'good night', LINE_FEED
        lea edx, [eax + PM1_CONTROL]
        mov eax, SLEEP_TYPE_OFF | SLEEP_ENABLE
        out dx, ax
        mov eax, SLEEP_TYPE_ZERO | SLEEP_ENABLE
        out dx, ax
        mov eax, [ticks]                ; it may take a moment
        add eax, TICKS_PER_SECOND
.wait:
        hlt
        cmp [ticks], eax
        js .wait
        say YELLOW, 'the machine did not go off', LINE_FEED
        ret
.nobody:
        say YELLOW, 'no power management found at 00:1f.0', LINE_FEED
        ret

command_reboot:
        say GREY, 'see you', LINE_FEED
        cli
        mov al, 0xfe                    ; pulse the reset line
        out KEYBOARD_CONTROL, al
        mov edx, RESET_CONTROL
        mov al, 0x06
        out dx, al
        hlt
