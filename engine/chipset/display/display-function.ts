/**
 * The display device at 00:02.0: up to eight outputs that are what somebody's displays are, each with a frame of its own in the device's memory, and
 * the input devices of whoever looks. BAR 0 shows the registers (registers.ts), BAR 2 the memory for frames; INTA# says that something changed.
 * Guests without a driver for it lose nothing: output 0 shows the VGA's picture until a guest gives it a frame.
 */
import { digits, register, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip } from '../../machine/bus.ts';
import { PciFunction } from '../pci/function.ts';
import type { PciBus } from '../pci/pci.ts';
import { platformSubsystem } from '../pci/platform.ts';
import { DisplayDevice } from './display-device.ts';
import { registersOf } from './register-access.ts';
import { DisplayInterrupt, InputDevice, interfaceVersion, outputCount, registerBytes } from './registers.ts';
import { displayBlock } from './state.ts';

export class DisplayFunction extends PciFunction implements Chip {
  readonly device: DisplayDevice;

  constructor(bus: Bus, pci: PciBus) {
    super(
      bus,
      { device: 2, function: 0 },
      { vendor: 0x1234, device: 0x5654, revision: interfaceVersion, classCode: 0x038000, ...platformSubsystem, interruptPin: 1 },
    );
    this.device = new DisplayDevice(bus.block(displayBlock), bus.scanoutMemory.length, {
      interrupt: (asserted) => this.setInterrupt(asserted),
      changed: () => bus.displayChanged(),
      now: () => bus.clock.now(),
    });
    this.addMemoryBar(0, bus.mmio('display.registers', undefined, registerBytes, registersOf(this.device)));
    this.addMemoryBar(2, bus.scanoutBuffer('display.memory'), { prefetchable: true });
    pci.add(this);
  }

  override reset(): void {
    super.reset();
    this.device.reset();
  }

  inspect(): ChipFacts {
    const { state } = this.device;
    const interrupts = { display: DisplayInterrupt.display, devices: DisplayInterrupt.devices, input: DisplayInterrupt.input };
    return {
      id: 'display',
      title: 'Display device',
      place: 'PCI 02.0',
      group: 'devices',
      facts: [
        { name: 'Generation', value: String(state.generation), note: `session ${state.session}` },
        register('Interrupt status', state.interruptStatus, 8, interrupts),
        register('Interrupt enable', state.interruptEnable, 8, interrupts),
        register('Input devices', state.inputDevices, 8, {
          keyboard: InputDevice.keyboard,
          mouse: InputDevice.mouse,
          pointer: InputDevice.pointer,
          touch: InputDevice.touch,
          pen: InputDevice.pen,
        }),
        { name: 'Events waiting', value: String(state.eventCount), note: `${state.eventsDropped} dropped` },
        { name: 'Base addresses', value: this.describe().bars },
      ],
      tables: [
        {
          title: 'Outputs',
          columns: ['Output', 'Pixels', 'Frame', 'Frames'],
          rows: Array.from({ length: outputCount }, (_, index) => {
            const size = this.device.size(index);
            const frame = this.device.frame(index);
            return [
              String(index),
              size === undefined ? 'off' : `${size.width} × ${size.height}`,
              frame === undefined ? 'dark' : `${frame.width} × ${frame.height} at ${digits(frame.base, 7)}`,
              String(state.frames[index] ?? 0),
            ];
          }),
        },
      ],
    };
  }
}
