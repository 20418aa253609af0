/** The pair's tool on a machine's service worker: its disks, and the transfer of its state. */
import { flushAll } from '../machine/control.ts';
import { vcpuState } from '../isa/state.ts';
import { generalNames } from '../machine/debug/registers.ts';
import type { Image, OpenImage } from '../machine/disk-service.ts';
import { placeDrives } from '../machine/drives.ts';
import { MachineError, type MachineConfiguration } from '../machine/machine.ts';
import type { MachineService } from '../machine/service.ts';
import type { PairQuestion } from './questions.ts';
import { StateTransfer } from './state-transfer.ts';
import { TrackedImage } from './tracked-image.ts';
import { TransferError } from './transfer.ts';

export class PairTool {
  readonly #disks = new Map<string, TrackedImage>();
  #transfer: StateTransfer | undefined;
  #service: MachineService | undefined;

  constructor(private readonly configuration: MachineConfiguration) {}

  /** How the machine's images are to be opened. */
  openImage(open: OpenImage): OpenImage {
    const { pair, drives } = this.configuration;
    if (pair === undefined) return open;
    return async (drive): Promise<Image> => {
      const position = [...placeDrives(drives)].find(([, placed]) => placed === drive)?.[0];
      if (position === undefined) throw new Error('An image without a place.');
      const image = new TrackedImage(await open(drive), pair === 'secondary');
      this.#disks.set(position, image);
      return image;
    };
  }

  attach(service: MachineService): void {
    this.#service = service;
  }

  /** Made when it is asked for, since the disks are open only then. */
  #of(service: MachineService): StateTransfer {
    return (this.#transfer ??= new StateTransfer({
      memory: service.memory,
      frames: service.bus.memory.frames,
      disks: this.#disks,
      hold: (epoch) => service.synchronization.begin(epoch),
      go: (run) => service.synchronization.end(run),
      held: () => service.synchronization.heldInput,
      replace: (body, input) => service.synchronization.replaceState(body, input),
      currentEpoch: () => service.control.currentEpoch(),
      advanceEpoch: () => {
        const { epoch } = service.bus.lock.with(() => service.control.advanceEpoch());
        // The other side begins with empty TLBs, and what is in them shows in the accessed bits of guests that take these back.
        if (service.epochs !== undefined) service.control.requestFlush(flushAll);
        return epoch;
      },
      newEpoch: async () => {
        const { epoch, flush } = service.bus.lock.with(() => service.control.advanceEpoch());
        await service.grace.passed(flush);
        return epoch;
      },
    }));
  }

  async answer(question: PairQuestion): Promise<unknown> {
    const service = this.#service;
    if (service === undefined || this.configuration.pair === undefined) throw new MachineError('not-supported', 'This machine is no side of a pair.');
    const transfer = this.#of(service);
    switch (question.kind) {
      case 'hold':
        return transfer.hold(question.tell, question.epoch);
      case 'go':
        return transfer.go(question.run);
      case 'begin':
        transfer.begin(question.peer);
        return undefined;
      case 'pending':
        return transfer.sending.pending;
      case 'round':
        return transfer.sending.round();
      case 'piece':
        return transfer.sending.piece(question.capture);
      case 'snapshot':
        await transfer.sending.snapshot(question.capture, question.withDigest);
        // Behind the answer: what the guest says from here on is no part of the state.
        setImmediate(() => transfer.go());
        return undefined;
      case 'pack':
        return transfer.sending.pack();
      case 'stage':
        return transfer.receiving.stage(question.bytes);
      case 'put':
        try {
          const done = await transfer.receiving.put(question.bytes, question.compare);
          if (question.epochs !== undefined) service.epochs?.replace(question.epochs);
          return done;
        } catch (error) {
          if (error instanceof TransferError) return { refused: error.message };
          throw error;
        }
      case 'takeOver':
        return transfer.takeOver();
      case 'heldBlocks':
        return [...this.#disks.values()].reduce((sum, { heldBlocks }) => sum + heldBlocks, 0);
      case 'offer':
        return service.epochs?.offer(question.sequence, question.input);
      case 'decided':
        return service.epochs?.decided(question.decision);
      case 'followedTo':
        return service.epochs?.followedTo(question.epoch);
      case 'lead':
        return service.epochs?.lead();
      case 'compareEvery':
        if (service.epochs !== undefined) service.epochs.wholeEvery = question.epochs;
        return undefined;
      case 'flip':
        return service.standstill.whileStopped(() => {
          const byte = new Uint8Array(1);
          byte.set(service.bus.memory.readRam(question.address, 1));
          service.bus.memory.writeRam(question.address, Uint8Array.of((byte[0] ?? 0) ^ 1));
        });
      case 'flipRegister': {
        const { cpu, register } = question;
        if (cpu >= service.control.cpus) throw new MachineError('bad-configuration', `There is no virtual CPU ${cpu}.`);
        return service.standstill.whileStopped(() => {
          const { registers } = service.memory.block(vcpuState, String(cpu));
          const number = generalNames.indexOf(register);
          registers[number] = (registers[number] ?? 0n) ^ 1n;
          service.control.noteStateReplaced();
        });
      }
    }
  }
}
