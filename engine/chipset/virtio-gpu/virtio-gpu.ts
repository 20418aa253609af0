/**
 * The virtio GPU at 00:03.0: the outputs of the display device for guests that bring a driver for it. Its scanouts are those outputs; a resource lies in the same memory
 * as frames of the register interface. 2D; without a plane for the cursor.
 */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import type { ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, Width } from '../../machine/bus.ts';
import type { DisplayDevice } from '../display/display-device.ts';
import { edidRoom as edidBytes, outputCount } from '../display/registers.ts';
import type { PciBus } from '../pci/pci.ts';
import { VirtioFunction } from '../virtio/virtio-function.ts';
import { Command, commandBytes, Config, edidRoom, eventDisplay, featureEdid, flagFence, Format, gpuDevice, headerBytes, mostScanouts, Response } from './commands.ts';
import { GpuResources, resourcesBlock, type GpuRectangle } from './resources.ts';

const gpuBlock = defineBlock('virtio-gpu', 1, {
  events: scalar('u32'),
  /** The resource that each scanout shows; 0: none. */
  shows: array('u32', outputCount),
});

const bytesAPixel = 4;

export class VirtioGpu extends VirtioFunction implements Chip {
  private readonly state;
  private readonly resources: GpuResources;

  constructor(
    bus: Bus,
    pci: PciBus,
    private readonly display: DisplayDevice,
  ) {
    super(bus, pci, { device: 3, function: 0 }, { device: gpuDevice, classCode: 0x038000, features: featureEdid, queues: 2 }, 'virtio-gpu');
    this.state = bus.block(gpuBlock);
    this.resources = new GpuResources(bus.block(resourcesBlock), bus.scanoutMemory, bus.memory, (offset, bytes) => bus.scanoutsWritten(offset, bytes));
  }

  protected override restarted(): void {
    const { state } = this;
    state.events = 0;
    for (let scanout = 0; scanout < outputCount; scanout++) this.show(scanout, 0);
    this.resources.clear();
  }

  /** The outputs, or their properties, are others: the driver is told. */
  displayChanged(): void {
    this.state.events |= eventDisplay;
    this.configurationChanged();
  }

  protected override configRead(offset: number): number {
    if (offset === Config.eventsRead) return this.state.events;
    return offset === Config.scanouts ? outputCount : 0;
  }

  protected override configWrite(offset: number, width: Width, value: number): void {
    if (offset === Config.eventsClear && width === 4) this.state.events &= ~value;
  }

  protected override serve(queue: number, request: Uint8Array): Uint8Array {
    const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
    if (request.length < headerBytes) return response(undefined, Response.unspecified);
    const type = view.getUint32(0, true);
    const least = commandBytes[type];
    // There is no cursor plane: its queue is there since drivers want two.
    if (queue !== 0 || least === undefined) return response(view, Response.unspecified);
    if (request.length < headerBytes + least) return response(view, Response.invalidParameter);
    const body = new DataView(request.buffer, request.byteOffset + headerBytes, request.byteLength - headerBytes);
    const word = (at: number): number => body.getUint32(at, true);
    const rectangle = (): GpuRectangle => ({ x: word(0), y: word(4), width: word(8), height: word(12) });
    switch (type) {
      case Command.getDisplayInfo:
        return this.displayInfo(view);
      case Command.getEdid:
        return this.edid(view, word(0));
      case Command.resourceCreate2d: {
        const format = word(4);
        if (format !== Format.b8g8r8a8 && format !== Format.b8g8r8x8) return response(view, Response.invalidParameter);
        return response(view, outcomes[this.resources.create(word(0), word(8), word(12))]);
      }
      case Command.resourceUnref: {
        const id = word(0);
        this.state.shows.forEach((shown, scanout) => {
          if (shown === id && id !== 0) this.show(scanout, 0);
        });
        return response(view, this.resources.remove(id) ? Response.okNoData : Response.invalidResource);
      }
      case Command.setScanout:
        return response(view, this.setScanout(rectangle(), word(16), word(20)));
      case Command.resourceFlush:
        return response(view, this.flush(word(16)));
      case Command.transferToHost2d:
        if (this.resources.get(word(24)) === undefined) return response(view, Response.invalidResource);
        return response(view, word(20) === 0 && this.resources.transfer(word(24), rectangle(), word(16)) ? Response.okNoData : Response.invalidParameter);
      case Command.resourceAttachBacking: {
        const count = word(4);
        if (body.byteLength < 8 + 16 * count) return response(view, Response.invalidParameter);
        const entries = new DataView(body.buffer, body.byteOffset + 8, 16 * count);
        return response(view, this.resources.get(word(0)) === undefined ? Response.invalidResource : outcomes[this.resources.attach(word(0), entries)]);
      }
      default:
        return response(view, this.resources.detach(word(0)) ? Response.okNoData : Response.invalidResource);
    }
  }

  private displayInfo(request: DataView): Uint8Array {
    const answer = response(request, Response.okDisplayInfo, mostScanouts * 24);
    const view = new DataView(answer.buffer);
    const { state } = this.display;
    for (let scanout = 0; scanout < outputCount; scanout++) {
      const size = this.display.size(scanout);
      if (size === undefined) continue;
      const { x, y } = this.display.desktop;
      const words = [(state.x[scanout] ?? 0) - x, (state.y[scanout] ?? 0) - y, size.width, size.height, 1, 0];
      words.forEach((word, index) => view.setUint32(headerBytes + 24 * scanout + 4 * index, word, true));
    }
    return answer;
  }

  private edid(request: DataView, scanout: number): Uint8Array {
    if (scanout >= outputCount) return response(request, Response.invalidScanout);
    const answer = response(request, Response.okEdid, 8 + edidRoom);
    const { state } = this.display;
    const length = state.edidLength[scanout] ?? 0;
    new DataView(answer.buffer).setUint32(headerBytes, length, true);
    answer.set(state.edid.subarray(scanout * edidBytes, scanout * edidBytes + length), headerBytes + 8);
    this.display.edidWasRead(scanout);
    return answer;
  }

  private setScanout({ x, y, width, height }: GpuRectangle, scanout: number, id: number): Response {
    if (scanout >= outputCount) return Response.invalidScanout;
    if (id === 0) {
      this.show(scanout, 0);
      return Response.okNoData;
    }
    const resource = this.resources.get(id);
    if (resource === undefined) return Response.invalidResource;
    if (width === 0 || height === 0 || x + width > resource.width || y + height > resource.height) return Response.invalidParameter;
    const { base, stride } = resource;
    if (!this.display.showFrame(scanout, { base: base + y * stride + x * bytesAPixel, stride, width, height })) return Response.invalidParameter;
    this.state.shows[scanout] = id;
    return Response.okNoData;
  }

  private show(scanout: number, id: number): void {
    // What another face of the device shows is not ours to take away.
    if (this.state.shows[scanout] !== 0 && id === 0) this.display.dark(scanout);
    this.state.shows[scanout] = id;
  }

  private flush(id: number): Response {
    if (this.resources.get(id) === undefined) return Response.invalidResource;
    this.state.shows.forEach((shown, scanout) => {
      if (shown === id) this.display.frameDone(scanout);
    });
    return Response.okNoData;
  }

  inspect(): ChipFacts {
    const { status } = this.transport;
    return {
      id: 'virtio-gpu',
      title: 'virtio GPU',
      place: 'PCI 03.0',
      group: 'devices',
      facts: [
        { name: 'Driver', value: this.driver, note: `status ${status.toString(16)}` },
        { name: 'Scanouts', value: [...this.state.shows].map((id) => (id === 0 ? '-' : String(id))).join(' '), note: 'resources that they show' },
        { name: 'Base addresses', value: this.describe().bars },
      ],
      tables: [],
    };
  }
}

const outcomes = { done: Response.okNoData, full: Response.outOfMemory, invalid: Response.invalidParameter } as const;

/** A header, with the fence of the request, and room for what follows. */
function response(request: DataView | undefined, type: Response, more = 0): Uint8Array {
  const bytes = new Uint8Array(headerBytes + more);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  if (request !== undefined && (request.getUint32(4, true) & flagFence) !== 0) {
    view.setUint32(4, flagFence, true);
    view.setBigUint64(8, request.getBigUint64(8, true), true);
    view.setUint32(16, request.getUint32(16, true), true);
  }
  return bytes;
}
