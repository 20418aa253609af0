/**
 * The display sessions of one machine: attachments of clients become sessions (engine/display/sessions.ts), and what that state machine asks for is
 * done to the machine, one thing after the other. Main thread.
 */
import { checkRequest, desktopOf, type DisplayProperties } from '../../engine/display/properties.ts';
import { decodeEdid } from '../../engine/display/edid-decode.ts';
import { advanceSessions, noSessions, type SessionAction, type SessionEvent, type SessionsState } from '../../engine/display/sessions.ts';
import type { DisplayDeviceState } from '../../engine/machine/display-face.ts';
import type { Machine } from '../../engine/machine/machine.ts';
import { scanoutBytes } from '../../engine/machine/memory.ts';
import type {
  AttachmentEventMessage,
  DisplayEventMessage,
  DisplayLogEntry,
  DisplayStateMessage,
  InputRequestMessage,
  OutputRequestMessage,
  WhenSessionEnds,
} from '../contract/display.ts';
import { explain, HostError } from './errors.ts';
import { RfbViewers } from './rfb-viewers.ts';
import { EventChannel } from './event-channel.ts';

/** Lines of the log that late readers get, and that wait for a slow one. */
const KEPT = 500;
/** How long a guest may take to draw at its new size before nobody waits for it any more, in milliseconds. */
const FRAME_PATIENCE = 10_000;

/** What a client asks for with `display.attach`. */
export interface AttachRequest {
  client: { id: string; name: string };
  outputs: OutputRequestMessage[];
  input?: InputRequestMessage | undefined;
  role?: 'holder' | 'viewer' | undefined;
  takeOver?: boolean | undefined;
  onlyIfOn?: boolean | undefined;
  whenEnds?: WhenSessionEnds | undefined;
}

interface Attachment {
  number: number;
  client: string;
  viewer: boolean;
  outputs: OutputRequestMessage[];
  input: InputRequestMessage | undefined;
  events: EventChannel<AttachmentEventMessage>;
}

export interface DisplaySessionsOptions {
  /** The user whose clients these are. */
  user: string;
  /** What the machine's file says. */
  whenEnds: () => WhenSessionEnds;
  /**
   * Milliseconds for which a session stays when its last window has closed: another one of the client, such as a console that was docked, may be about to
   * take its place. Absent: none.
   */
  handOver?: number;
  /** Takes each line of the log: for the machine's folder. */
  write: (entry: DisplayLogEntry) => void;
}

/** Distributes over the members of a union. */
type Without<Whole, Key extends PropertyKey> = Whole extends unknown ? Omit<Whole, Key> : never;

export class DisplaySessions {
  #state: SessionsState = noSessions;
  #machine: Machine | undefined;
  #device: DisplayDeviceState | undefined;
  #unsubscribe: (() => void) | undefined;
  readonly #attachments = new Map<number, Attachment>();
  #attached = 0;
  /** The machine stands still because a session ended, not because somebody paused it. */
  #heldStill = false;
  #queue: Promise<void> = Promise.resolve();
  readonly #events = new EventChannel<DisplayEventMessage>(mergeEvents);
  #log: DisplayLogEntry[] = [];
  /** VNC viewers of other makers. */
  readonly rfb = new RfbViewers(this, () => this.#publish());
  /** Sessions whose last window has closed, and that end unless one comes in time: by client. */
  readonly #ending = new Map<string, NodeJS.Timeout>();
  /** What the next answer to a client is: by its id. */
  readonly #answers = new Map<string, SessionAction>();

  constructor(private readonly options: DisplaySessionsOptions) {}

  /** The machine is on. */
  begin(machine: Machine): void {
    this.#machine = machine;
    this.#heldStill = false;
    this.#unsubscribe = machine.on((event) => {
      if (event.kind === 'outputs') void this.#look();
      // Whoever lets it go meanwhile has done what a session would.
      if (event.kind === 'state' && event.state === 'running') this.#heldStill = false;
    });
    this.rfb.begin(machine);
    void this.#look();
  }

  /** The machine is off, or its engine gone. */
  end(): void {
    if (this.#machine === undefined) return;
    this.rfb.end();
    for (const timer of this.#ending.values()) clearTimeout(timer);
    this.#ending.clear();
    this.#unsubscribe?.();
    this.#machine = undefined;
    this.#device = undefined;
    this.#advance({ kind: 'machineOff' });
    this.#publish();
  }

  /** The machine was deleted. */
  close(): void {
    this.end();
    this.#events.close();
  }

  /** A session may begin with a machine that stands still for it: it came back from a file and has not run since. */
  heldStill(): void {
    this.#heldStill = true;
  }

  get state(): DisplayStateMessage {
    const state = this.#message();
    if (state === null) throw new HostError('WRONG_STATE', 'The machine is off; start it first.');
    return state;
  }

  watch(history: boolean, signal?: AbortSignal): AsyncGenerator<DisplayEventMessage, void, void> {
    const present: DisplayEventMessage[] = [{ kind: 'state', state: this.#message() }];
    if (history) present.push({ kind: 'log', entries: [...this.#log] });
    return this.#events.subscribe(present, signal);
  }

  /** What `attach` would refuse whatever state the machine is in. */
  checkRequest({ outputs, client, role }: AttachRequest): void {
    if (role !== 'viewer') this.#check([{ outputs, input: undefined }], client.name);
  }

  async attach(request: AttachRequest, signal?: AbortSignal): Promise<AsyncGenerator<AttachmentEventMessage, void, void>> {
    const machine = this.#require();
    const { client } = request;
    for (const one of [...this.#ending.keys()]) if (one !== client.id || request.role === 'viewer') this.#endNow(one);
    const number = ++this.#attached;
    const attachment: Attachment = {
      number,
      // Each that looks on is one by itself: a client may have several, and one of them may become the holder.
      client: request.role === 'viewer' ? `${client.id.slice(0, 48)}-view-${number}` : client.id,
      viewer: request.role === 'viewer',
      outputs: request.outputs,
      input: request.input,
      events: new EventChannel<AttachmentEventMessage>(),
    };
    const joins = this.#state.holder?.client.id === client.id || this.#state.next?.session.client.id === client.id;
    let ignored: string[] = [];
    if (attachment.viewer) this.#ask({ kind: 'view', client: this.#client({ ...client, id: attachment.client }) }, attachment.client);
    else {
      const mine = joins ? this.#of(client.id) : [];
      const taken = mine.flatMap(({ outputs }) => outputs).find(({ output }) => request.outputs.some((asked) => asked.output === output));
      if (taken !== undefined) throw new HostError('CONFLICT', `Output ${taken.output} is in another window already.`);
      const checked = this.#check([...mine, attachment], client.name);
      ({ ignored } = checked);
      if (joins) await this.#change(client.id, checked.properties);
      else {
        const whenEnds = request.whenEnds ?? this.options.whenEnds();
        const { properties } = checked;
        this.#ask({ kind: 'open', client: this.#client(client), properties, takeOver: request.takeOver === true, whenEnds }, client.id);
      }
    }
    this.#attachments.set(attachment.number, attachment);
    clearTimeout(this.#ending.get(client.id));
    this.#ending.delete(client.id);
    this.#publish();
    const session = this.#state.holder?.number ?? this.#state.next?.session.number ?? this.#state.sessions;
    const first: AttachmentEventMessage = { kind: 'attached', attachment: attachment.number, session, role: attachment.viewer ? 'viewer' : 'holder', ignored };
    const stream = attachment.events.subscribe([first], signal);
    // The stream is the attachment: whoever stops reading it is gone.
    signal?.addEventListener('abort', () => this.#gone(attachment.number, 'lost'), { once: true });
    if (signal?.aborted) this.#gone(attachment.number, 'lost');
    if (this.#machine !== machine) throw new HostError('WRONG_STATE', 'The machine has gone off.');
    return followed(stream, () => this.#gone(attachment.number, 'lost'));
  }

  /** Refused as a whole (BAD_INPUT), or done. */
  async set(number: number | undefined, outputs: OutputRequestMessage[], input: InputRequestMessage | undefined): Promise<{ ignored: string[]; generation: number }> {
    const attachment = number === undefined ? this.#holding(outputs[0]?.output) : this.#attachments.get(number);
    if (attachment === undefined) {
      if (number === undefined) throw new HostError('WRONG_STATE', 'Nobody has the machine, so there is no display to change; attach one first.');
      throw new HostError('NOT_FOUND', 'This attachment has ended.');
    }
    if (attachment.viewer) throw new HostError('WRONG_STATE', 'Whoever only looks on changes nothing; take the machine over first.');
    const changed = { ...attachment, outputs: merged(attachment.outputs, outputs), input: input ?? attachment.input };
    const others = this.#of(attachment.client).filter((one) => one !== attachment);
    const name = this.#state.holder?.client.name ?? attachment.client;
    const { properties, ignored } = this.#check([...others, changed], name);
    attachment.outputs = changed.outputs;
    attachment.input = changed.input;
    await this.#change(attachment.client, properties);
    return { ignored, generation: this.#device?.generation ?? 0 };
  }

  detach(number: number): void {
    if (!this.#attachments.has(number)) throw new HostError('NOT_FOUND', 'This attachment has ended.');
    this.#gone(number, 'closed');
  }

  /** For those who need not know whether it has ended already. */
  detachQuietly(number: number): void {
    this.#gone(number, 'closed');
  }

  /** Something that belongs into the log of sessions and happened elsewhere. */
  note(what: DisplayLogEntry['what'], client: string, sentence: string): void {
    this.#note(what, client, sentence);
  }

  setWhenEnds(whenEnds: WhenSessionEnds): void {
    const { holder } = this.#state;
    if (holder !== undefined) this.#advance({ kind: 'whenEnds', client: holder.client.id, whenEnds });
    this.#publish();
  }

  /** When everything that was asked for so far is done. */
  settled(): Promise<void> {
    return this.#queue;
  }

  /** Throws CONFLICT unless this client may type: while somebody has the machine, or is about to, nobody else may. */
  requireTypist(client: string | undefined): void {
    const holder = this.#state.next?.session.client ?? this.#state.holder?.client;
    if (holder === undefined || holder.id === client) return;
    throw new HostError('CONFLICT', `${holder.name} has the machine, and only who has it types. Take it over first.`);
  }

  // Inside

  #require(): Machine {
    if (this.#machine === undefined) throw new HostError('WRONG_STATE', 'The machine is off; start it first.');
    return this.#machine;
  }

  #client({ id, name }: { id: string; name: string }) {
    return { id, name, user: this.options.user };
  }

  /** Attachments that make a client's session. */
  #of(client: string): Attachment[] {
    return [...this.#attachments.values()].filter((one) => one.client === client && !one.viewer);
  }

  /** The attachment that has an output; the session's first one where none has it. */
  #holding(output: number | undefined): Attachment | undefined {
    const mine = this.#state.holder === undefined ? [] : this.#of(this.#state.holder.client.id);
    return mine.find(({ outputs }) => outputs.some((one) => one.output === output)) ?? mine[0];
  }

  /** The displays of all attachments together. Throws BAD_INPUT with the reason, which is logged. */
  #check(attachments: readonly Pick<Attachment, 'outputs' | 'input'>[], name: string): { properties: DisplayProperties; ignored: string[] } {
    const outputs = arranged(attachments.flatMap((one) => one.outputs));
    const input = attachments.reduce<InputRequestMessage>((all, one) => ({ ...all, ...defined(one.input ?? {}) }), {});
    const checked = checkRequest({ outputs, input }, this.#device?.memoryBytes ?? scanoutBytes);
    if (!checked.ok) {
      this.#note('refuse', name, checked.reason);
      throw new HostError('BAD_INPUT', checked.reason);
    }
    for (const sentence of checked.ignored) this.#note('ignore', name, sentence);
    return checked;
  }

  #note(what: DisplayLogEntry['what'], client: string, sentence: string): void {
    this.#keep([{ at: Date.now(), session: this.#state.holder?.number ?? 0, client, what, sentence }]);
  }

  #keep(entries: DisplayLogEntry[]): void {
    if (entries.length === 0) return;
    this.#log = [...this.#log, ...entries].slice(-KEPT);
    for (const entry of entries) this.options.write(entry);
    this.#events.publish({ kind: 'log', entries });
  }

  /** The holder's own displays are others; done when the guest would read them. */
  async #change(client: string, properties: DisplayProperties): Promise<void> {
    if (this.#state.holder?.client.id !== client) {
      // It waits for the machine to stand still: what it gets then is this.
      const { next } = this.#state;
      if (next?.session.client.id === client) this.#state = { ...this.#state, next: { ...next, properties } };
      return;
    }
    this.#advance({ kind: 'change', client, properties });
    await this.#queue;
  }

  /** An event whose first answer to this client may be a refusal, which is thrown. */
  #ask(event: Without<SessionEvent, 'at'>, client: string): void {
    this.#answers.delete(client);
    this.#advance(event);
    const answer = this.#answers.get(client);
    if (answer?.kind !== 'refused') return;
    throw new HostError(answer.code === 'failed' ? 'WRONG_STATE' : 'CONFLICT', answer.reason);
  }

  #advance(event: Without<SessionEvent, 'at'>): void {
    const step = advanceSessions(this.#state, { ...event, at: performance.now() } as SessionEvent);
    this.#state = step.state;
    const now = Date.now();
    this.#keep(step.log.map((entry) => ({ ...entry, at: now })));
    for (const action of step.actions) this.#act(action);
    this.#publish();
  }

  #act(action: SessionAction): void {
    switch (action.kind) {
      case 'admitted':
      case 'refused':
        this.#answers.set(action.client, action);
        if (action.kind === 'refused') this.#drop(action.client, action.reason);
        return;
      case 'ended':
        this.#drop(action.client, action.reason);
        return;
      default:
        this.#queue = this.#queue.then(() => this.#carryOut(action));
    }
  }

  async #carryOut(action: Extract<SessionAction, { kind: 'configure' | 'resume' | 'suspend' }>): Promise<void> {
    const machine = this.#machine;
    if (machine === undefined) return;
    try {
      if (action.kind === 'configure') {
        this.#device = await machine.configureDisplay(action.properties, this.#state.holder?.number ?? 0);
        this.#advance({ kind: 'configured' });
        this.#awaitFrame(machine);
      } else if (action.kind === 'resume') {
        if (machine.state === 'paused' && this.#heldStill) await machine.resume();
        this.#heldStill = false;
        this.#advance({ kind: 'resumed' });
        this.#awaitFrame(machine);
      } else {
        if (machine.state === 'running') {
          await machine.pause('Stands still until the next display session.');
          this.#heldStill = true;
        }
        this.#advance({ kind: 'suspended' });
      }
    } catch (error) {
      if (this.#machine === machine) this.#advance({ kind: 'failed', reason: explain(error, 'The display').message });
    }
  }

  /** Tells of the first frame at the right size, whenever it comes. */
  #awaitFrame(machine: Machine): void {
    const { holder, phase } = this.#state;
    const generation = this.#device?.generation;
    if (holder === undefined || phase !== 'frame' || generation === undefined) return;
    machine.awaitFrames(generation, FRAME_PATIENCE).then(
      (right) => {
        const now = this.#state;
        if (!right || now.holder?.number !== holder.number || now.phase !== 'frame') return;
        this.#advance({ kind: 'frame' });
        const after = (this.#state.holder?.firstFrame ?? 0) - holder.asked;
        for (const one of this.#of(holder.client.id)) one.events.publish({ kind: 'frame', after });
      },
      () => undefined, // the machine is gone, which has its own event
    );
  }

  #gone(number: number, how: 'closed' | 'lost'): void {
    const attachment = this.#attachments.get(number);
    if (attachment === undefined) return;
    this.#attachments.delete(number);
    attachment.events.close();
    const rest = this.#of(attachment.client);
    const { client } = attachment;
    const { handOver = 0 } = this.options;
    if (!attachment.viewer && rest.length === 0 && how === 'closed' && handOver > 0 && this.#state.holder?.client.id === client) {
      this.#ending.set(client, setTimeout(() => this.#endNow(client), handOver));
      this.#publish();
      return;
    }
    if (attachment.viewer || rest.length === 0) return this.#advance({ kind: 'end', client, how });
    // The client's other windows stay, without this one's outputs.
    try {
      const { properties } = this.#check(rest, this.#state.holder?.client.name ?? attachment.client);
      void this.#change(attachment.client, properties);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
    }
  }

  #endNow(client: string): void {
    clearTimeout(this.#ending.get(client));
    if (this.#ending.delete(client)) this.#advance({ kind: 'end', client, how: 'closed' });
  }

  #drop(client: string, reason: string): void {
    for (const [number, attachment] of this.#attachments) {
      if (attachment.client !== client) continue;
      this.#attachments.delete(number);
      attachment.events.publish({ kind: 'ended', reason });
      attachment.events.close();
    }
  }

  async #look(): Promise<void> {
    const machine = this.#machine;
    if (machine === undefined) return;
    try {
      const device = await machine.displayState();
      if (this.#machine !== machine) return;
      this.#device = device;
      this.#publish();
    } catch {
      // It is gone, which has its own event.
    }
  }

  #publish(): void {
    this.#events.publish({ kind: 'state', state: this.#message() });
  }

  #message(): DisplayStateMessage | null {
    return this.#device === undefined ? null : this.messageOf(this.#device);
  }

  /** What a device is, and who has it. */
  messageOf(device: DisplayDeviceState): DisplayStateMessage {
    const { phase, holder, viewers } = this.#state;
    const wall = (at: number) => Date.now() - performance.now() + at;
    return {
      phase,
      session:
        holder === undefined
          ? null
          : {
              number: holder.number,
              client: holder.client.id,
              name: holder.client.name,
              since: wall(holder.asked),
              resumedAfter: holder.resumed === undefined ? null : holder.resumed - holder.asked,
              firstFrameAfter: holder.firstFrame === undefined ? null : holder.firstFrame - holder.asked,
              attached: this.#of(holder.client.id).flatMap(({ outputs }) => outputs.map(({ output }) => output)),
              whenEnds: holder.whenEnds,
            },
      viewers: viewers.map(({ client, since }) => ({ client: client.id, name: client.name, since: wall(since) })),
      whenSessionEnds: this.options.whenEnds(),
      generation: device.generation,
      outputs: device.outputs.map(({ properties, edid, edidRead, ...rest }, output) => ({
        output,
        properties: properties === undefined ? null : { ...properties, millimetres: properties.millimetres ?? null },
        edid,
        edidFacts: edid.length === 0 ? [] : decodeEdid(edid).facts.map((fact) => ({ ...fact, bytes: fact.bytes.map(([from, to]): [number, number] => [from, to]) })),
        edidRead: edidRead ?? null,
        ...rest,
      })),
      desktop: desktopOf(device.outputs.map(({ properties }) => properties)),
      input: device.input,
      takesPositions: device.takesPositions,
      devices: device.devices,
      memoryBytes: device.memoryBytes,
      rfb: this.rfb.listening,
    };
  }
}

/** A newer state replaces an older one that nobody has read; the log is kept together. */
function mergeEvents(last: DisplayEventMessage, next: DisplayEventMessage): DisplayEventMessage | undefined {
  if (last.kind === 'state' && next.kind === 'state') return next;
  if (last.kind === 'log' && next.kind === 'log') return { kind: 'log', entries: [...last.entries, ...next.entries].slice(-KEPT) };
  return undefined;
}

function defined(input: InputRequestMessage): InputRequestMessage {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
}

/** Newer outputs in place of those with the same numbers. */
function merged(before: readonly OutputRequestMessage[], newer: readonly OutputRequestMessage[]): OutputRequestMessage[] {
  return [...before.filter(({ output }) => !newer.some((one) => one.output === output)), ...newer];
}

/** By number, each beside the one before where its client does not say where it stands. */
function arranged(outputs: readonly OutputRequestMessage[]): OutputRequestMessage[] {
  const last = Math.max(...outputs.map(({ output }) => output));
  const off = { width: 0, height: 0 };
  let next = 0;
  return Array.from({ length: last + 1 }, (_, output) => {
    const found = outputs.find((one) => one.output === output);
    if (found === undefined) return { output, ...off };
    const x = found.x ?? next;
    next = Math.max(next, x + found.width);
    return { ...found, x, y: found.y ?? 0 };
  });
}

/** The same stream, with a word when its reader goes. */
function followed<Event>(stream: AsyncGenerator<Event, void, void>, gone: () => void): AsyncGenerator<Event, void, void> {
  return {
    async next() {
      const result = await stream.next();
      if (result.done === true) gone();
      return result;
    },
    return(value) {
      gone();
      return stream.return(value);
    },
    throw(error: unknown) {
      gone();
      return stream.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
