/** The pair of 8259A interrupt controllers, as in the ICH9: master at 0x20, slave at 0xA0 on the master's input 2. */
import { array, defineBlock } from '../../layout/block.ts';
import type { ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, InterruptLine } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';
import { WiredInputs } from '../wired-inputs.ts';
import { Controller8259, controllerBlock } from './controller.ts';
import { PicPort } from './registers.ts';

const cascadeInput = 2;
/** IRQ 0, 1, 2 and 8, 13 are always edge-triggered. */
const levelCapableMaster = 0xf8;
const levelCapableSlave = 0xde;
const spuriousInput = 7;

const picBlock = defineBlock('pic', 1, {
  /** INTR of the master (to the CPU) and of the slave (to the master): 1 when asserted. Read without the device lock. */
  outputs: array('i32', 2),
  /** Per IRQ, one bit for each driver that asserts it. */
  drivers: array('u32', 16),
});

export interface PicOptions {
  /** Called under the device lock when INTR becomes asserted: raise the CPU's attention and wake it from HLT. */
  onInterruptRequest?: () => void;
}

export class Pic implements Chip {
  private readonly state;
  private readonly master;
  private readonly slave;
  private readonly inputs: WiredInputs;
  private readonly onInterruptRequest: () => void;

  constructor(bus: Bus, options: PicOptions = {}) {
    this.onInterruptRequest = options.onInterruptRequest ?? (() => undefined);
    this.state = bus.block(picBlock);
    this.master = new Controller8259(bus.block(controllerBlock, 'master'), 1 << cascadeInput, levelCapableMaster);
    this.slave = new Controller8259(bus.block(controllerBlock, 'slave'), 0, levelCapableSlave);
    this.inputs = new WiredInputs(this.state.drivers, (irq, asserted) => {
      (irq < 8 ? this.master : this.slave).setInput(irq & 7, asserted);
      this.update();
    });
    for (const [base, chip] of [
      [PicPort.master, this.master],
      [PicPort.slave, this.slave],
    ] as const) {
      bus.ports(
        base,
        2,
        bytePorts({
          read: (port) => {
            if (port > base + 1) return 0xff;
            const value = chip.read(port - base);
            this.update();
            return value;
          },
          write: (port, value) => {
            if (port > base + 1) return;
            chip.write(port - base, value);
            this.update();
          },
          peek: (port) => (port > base + 1 ? 0xff : chip.peek(port - base)),
        }),
      );
    }
    const chipAt = (port: number) =>
      port === PicPort.edgeLevelMaster ? this.master : port === PicPort.edgeLevelSlave ? this.slave : undefined;
    bus.ports(
      PicPort.edgeLevelMaster,
      2,
      bytePorts({
        read: (port) => chipAt(port)?.edgeLevelControl ?? 0xff,
        peek: (port) => chipAt(port)?.edgeLevelControl ?? 0xff,
        write: (port, value) => {
          const chip = chipAt(port);
          if (chip === undefined) return;
          chip.edgeLevelControl = value;
          this.update();
        },
      }),
    );
  }

  reset(): void {
    this.state.drivers.fill(0);
    this.master.reset();
    this.slave.reset();
    this.update();
  }

  inspect(): ChipFacts {
    const [master, slave] = [this.master.inspect(0), this.slave.inspect(8)];
    const outputs = this.state.outputs;
    return {
      id: 'pic',
      title: '8259 interrupt controllers',
      place: 'ports 20, a0, 4d0',
      group: 'interrupts',
      facts: [
        { name: 'INTR', value: Atomics.load(outputs, 0) !== 0 ? 'asserted' : 'not asserted', note: 'to the processors’ LINT0' },
      ],
      tables: [
        {
          title: 'Registers, by IRQ',
          columns: ['Register', 'Master', 'Slave'],
          rows: master.map(([name, value], index) => [name, value, slave[index]?.[1] ?? '']),
        },
      ],
    };
  }

  /**
   * A driver of IRQ `irq` (0-15, not 2); see WiredInputs.
   */
  line(irq: number): InterruptLine {
    if (!Number.isInteger(irq) || irq < 0 || irq > 15 || irq === cascadeInput) {
      throw new RangeError(`IRQ ${irq} is not an input of the interrupt controllers`);
    }
    return this.inputs.line(irq);
  }

  private update(): void {
    const { outputs } = this.state;
    const slave = this.slave.requested() >= 0;
    Atomics.store(outputs, 1, slave ? 1 : 0);
    this.master.setInput(cascadeInput, slave);
    const asserted = this.master.requested() >= 0 ? 1 : 0;
    if (Atomics.exchange(outputs, 0, asserted) < asserted) this.onInterruptRequest();
  }

  /** INTR. Any thread, no lock. */
  pending(): boolean {
    return Atomics.load(this.state.outputs, 0) !== 0;
  }

  /**
   * The acknowledge cycles of the CPU: gives the vector, 0-255. Under the device lock. When the request has gone
   * meanwhile, this is the vector of input 7 with nothing in service (a spurious interrupt), as in the hardware;
   * a caller that does not want one looks at `pending` first, under the same lock.
   */
  acknowledge(): number {
    const input = this.master.requested();
    if (input < 0) return this.master.vector(spuriousInput);
    this.master.serve(input);
    let vector = this.master.vector(input);
    if (input === cascadeInput) {
      const slaveInput = this.slave.requested();
      if (slaveInput >= 0) this.slave.serve(slaveInput);
      vector = this.slave.vector(slaveInput < 0 ? spuriousInput : slaveInput);
    }
    this.update();
    return vector;
  }
}
