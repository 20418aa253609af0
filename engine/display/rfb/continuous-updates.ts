/**
 * Updates that a viewer need not ask for one by one (RFB's community extensions ContinuousUpdates and Fence). Without them a frame is
 * drawn only when the viewer has shown the one before and its request has come back; with them drawing here and showing there overlap.
 * The viewer still sets the pace: every update is followed by a fence, which the viewer sends back when it has dealt with all before it.
 */
import type { Rectangle } from '../frame.ts';
import type { ByteWriter } from './byte-writer.ts';
import { RfbError, ServerMessage } from './protocol.ts';

/** Updates that may be on their way or being shown. */
const mostInFlight = 2;
/** Flags of a fence; it asks for an answer after everything before it has been handled. */
const fenceRequest = 0x80000000;
const fenceBlockBefore = 1;
/** No fence has a longer payload. */
export const longestFence = 64;

export class ContinuousUpdates {
  private fences = false;
  private supported = false;
  private announced = false;
  private area: Rectangle | undefined;
  /** Number of the newest frame of which the viewer has all that lies in its area. */
  frame = 0;
  private sent = 0;
  private returned = 0;

  /** What the viewer named among its encodings; it may name others later. */
  support(fence: boolean, continuous: boolean): void {
    this.fences = fence;
    this.supported = fence && continuous;
  }

  /** True once, when the viewer is to be told that it may switch them on. */
  takeAnnouncement(): boolean {
    const announce = this.supported && !this.announced;
    if (announce) this.announced = true;
    return announce;
  }

  /** EnableContinuousUpdates; `area` undefined switches them off. Throws RfbError when they were not offered. */
  enable(area: Rectangle | undefined): void {
    if (!this.announced) throw new RfbError('the viewer switched continuous updates on, which were not offered');
    this.area = area;
    this.frame = 0;
  }

  /** The viewer's screen has another size: what it takes is all of that. */
  resize(width: number, height: number): void {
    if (this.area !== undefined) this.enable({ x: 0, y: 0, width, height });
  }

  /** What the next update may cover without being asked for; undefined while they are off or enough are on their way. */
  get ready(): Rectangle | undefined {
    return this.sent - this.returned < mostInFlight ? this.area : undefined;
  }

  /** Puts the fence behind an update. */
  follow(writer: ByteWriter): void {
    if (this.area === undefined || !this.fences) return;
    this.sent++;
    writer.u8(ServerMessage.fence);
    writer.put(new Uint8Array(3));
    writer.u32(fenceRequest | fenceBlockBefore);
    writer.u8(4);
    writer.u32(this.sent);
  }

  /** A fence from the viewer: an answer to one of ours, or a request, whose answer is returned. Throws RfbError on one that we did not send. */
  receive(flags: number, payload: Uint8Array): ((writer: ByteWriter) => void) | undefined {
    if ((flags & fenceRequest) !== 0) {
      const copy = payload.slice();
      return (writer) => {
        writer.u8(ServerMessage.fence);
        writer.put(new Uint8Array(3));
        // Messages are handled one after the other: what blocks holds by itself.
        writer.u32(flags & 3);
        writer.u8(copy.length);
        writer.put(copy);
      };
    }
    const number = payload.length === 4 ? new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0) : 0;
    if (number !== this.returned + 1 || number > this.sent) throw new RfbError('the viewer answered a fence that was not sent');
    this.returned = number;
    return undefined;
  }
}
