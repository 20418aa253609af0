import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where an update stands. `off` says why nothing is ever asked. */
export type UpdateState =
  | { kind: 'off'; why: string }
  | { kind: 'idle' }
  | { kind: 'checking' }
  | { kind: 'current' }
  | { kind: 'available'; version: string }
  | { kind: 'downloading'; version: string; percent: number }
  | { kind: 'ready'; version: string }
  | { kind: 'failed'; sentence: string };

/** The part of electron-updater that is used (electron-updates.ts). */
export interface Updater {
  /** The version that the channel has and we have not, or undefined. Asks the network. */
  check(): Promise<string | undefined>;
  /** Fetches it, and installs it when the app quits. */
  download(progress: (percent: number) => void): Promise<void>;
}

/** `environment`: the channel of VITRINE_UPDATE_URL; `package`: the one that was named when the package was built. */
export type Channel = { kind: 'none'; why: string } | { kind: 'package' } | { kind: 'environment'; url: string };

/** What decides whether there is a channel. */
export interface Installation {
  packaged: boolean;
  platform: NodeJS.Platform;
  resources: string;
  environment: NodeJS.ProcessEnv;
}

/** Nothing is contacted unless a channel was named, and the package is of a kind that can replace itself. */
export function findChannel({ packaged, platform, resources, environment }: Installation): Channel {
  if (!packaged) return { kind: 'none', why: 'a checkout is updated with git' };
  const named = environment['VITRINE_UPDATE_URL'];
  if (named === '') return { kind: 'none', why: 'turned off by VITRINE_UPDATE_URL' };
  const built = existsSync(path.join(resources, 'app-update.yml'));
  if (named === undefined && !built) return { kind: 'none', why: 'no update channel is set' };
  if (platform === 'linux' && !environment['APPIMAGE'] && !existsSync(path.join(resources, 'package-type'))) {
    return { kind: 'none', why: 'this archive does not replace itself; unpack a newer one' };
  }
  if (named === undefined) return { kind: 'package' };
  return isTrustworthy(named)
    ? { kind: 'environment', url: named }
    : { kind: 'none', why: 'VITRINE_UPDATE_URL is no https address' };
}

/** What comes is run: only over a channel that others cannot change on its way. */
function isTrustworthy(text: string): boolean {
  try {
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname));
  } catch {
    return false;
  }
}

/** Updates of the app: asks, and fetches when the person says so. One thing at a time; `changed` is told each new state. */
export class Updates {
  #state: UpdateState;
  #updater: Updater | undefined;

  constructor(
    private readonly channel: Channel,
    /** Called at the first check and not before, and never without a channel. */
    private readonly makeUpdater: (channel: Exclude<Channel, { kind: 'none' }>) => Promise<Updater>,
    private readonly changed: (state: UpdateState) => void,
    private readonly log: (text: string) => void,
  ) {
    this.#state = channel.kind === 'none' ? { kind: 'off', why: channel.why } : { kind: 'idle' };
  }

  get state(): UpdateState {
    return this.#state;
  }

  async check(): Promise<void> {
    if (this.channel.kind === 'none' || !['idle', 'current', 'failed'].includes(this.#state.kind)) return;
    this.become({ kind: 'checking' });
    try {
      this.#updater ??= await this.makeUpdater(this.channel);
      const version = await this.#updater.check();
      this.become(version === undefined ? { kind: 'current' } : { kind: 'available', version });
    } catch (error) {
      this.fail('The update channel could not be asked', error);
    }
  }

  async download(): Promise<void> {
    if (this.#state.kind !== 'available' || !this.#updater) return;
    const { version } = this.#state;
    this.become({ kind: 'downloading', version, percent: 0 });
    try {
      await this.#updater.download((percent) => this.become({ kind: 'downloading', version, percent: Math.floor(percent) }));
      this.become({ kind: 'ready', version });
    } catch (error) {
      this.fail(`Version ${version} could not be fetched`, error);
    }
  }

  private fail(what: string, error: unknown): void {
    this.log(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    this.become({ kind: 'failed', sentence: `${what}. The log says why.` });
  }

  private become(state: UpdateState): void {
    this.#state = state;
    this.changed(state);
  }
}
