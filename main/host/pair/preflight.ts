/** What is looked at before a pair is made: what stands in its way, and what is worth knowing. Nothing is changed. */
import { connect, createServer } from 'node:net';
import { freemem } from 'node:os';
import { statfs } from 'node:fs/promises';
import { openDriveImage } from '../../../engine/machine/drive-image.ts';
import type { MachineConfiguration } from '../../../engine/machine/machine.ts';
import type { RunStateName } from '../../contract/machine.ts';
import { MEMORY_UNIT } from '../../contract/machine.ts';
import type { PairSettings, PreflightAction, PreflightPoint } from '../../contract/pairs.ts';
import { examineDrive, lookAt, storageFailure } from '../drive-image.ts';
import { HostError } from '../errors.ts';
import type { StoredMachine } from '../library.ts';
import { driveConfigurations } from '../linking.ts';
import type { KnownPeer } from '../peer/known-peers.ts';
import { formatSize } from '../memory-size.ts';
import { readEtcdCredentials, type EtcdCredentials } from './etcd-credentials.ts';
import { etcdOwner } from './etcd-lease.ts';
import { etcdOver } from './etcd.ts';
import { ownDrives } from './pairs.ts';

export interface PreflightSubject extends Pick<PairSettings, 'port' | 'peer' | 'etcd' | 'etcdFiles'> {
  readonly machine: StoredMachine;
  readonly state: RunStateName;
  readonly peers: readonly KnownPeer[];
}

/** Milliseconds for which another host is waited for. */
const reachedWithin = 2000;

/** What this computer says; tests say otherwise. */
export interface PreflightSurroundings {
  readonly platform: NodeJS.Platform;
  /** Bytes. */
  freeMemory(): number;
  freeSpace(folder: string): Promise<number>;
  isPortFree(port: number): Promise<boolean>;
  /** Somebody listens there. */
  isReached(host: string, port: number): Promise<boolean>;
}

export const thisComputer: PreflightSurroundings = {
  platform: process.platform,
  freeMemory: freemem,
  async freeSpace(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  isPortFree: (port) =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    }),
  isReached: (host, port) =>
    new Promise((resolve) => {
      const socket = connect({ host, port, timeout: reachedWithin });
      const end = (reached: boolean) => () => {
        socket.destroy();
        resolve(reached);
      };
      socket.once('connect', end(true));
      socket.once('error', end(false));
      socket.once('timeout', end(false));
    }),
};

type Outcome = Pick<PreflightPoint, 'state' | 'sentence'> & { actions?: PreflightAction[] };

const ok = (sentence: string): Outcome => ({ state: 'ok', sentence });
const note = (sentence: string, ...actions: PreflightAction[]): Outcome => ({ state: 'note', sentence, actions });
const blocks = (sentence: string, ...actions: PreflightAction[]): Outcome => ({ state: 'blocks', sentence, actions });

function isOff(state: RunStateName): Outcome {
  switch (state) {
    case 'off':
      return ok('It is off.');
    case 'suspended':
      return blocks('It is suspended. Resume it and shut it down, or discard the state that it keeps.', 'resume', 'discard');
    case 'paused':
      return blocks('It is paused. A pair starts from the beginning, so it has to be off.', 'powerOff');
    case 'crashed':
      return blocks('It has crashed. Power it off.', 'powerOff');
    case 'running':
      return blocks('It is running. A pair starts from the beginning, so it has to be off.', 'powerButton', 'powerOff');
  }
}

function vcpus(cpus: number): Outcome {
  if (cpus === 1) return ok('One vCPU.');
  return note(
    `${cpus} vCPUs run side by side, and the two machines will differ inside. That costs nothing while what they say agrees; where it depends on who was first, it costs resyncs.`,
    'oneVcpu',
  );
}

function clock(mode: MachineConfiguration['clock']): Outcome {
  if (mode === 'virtual')
    return note(
      'The virtual clock: both machines get each input at the same instruction, and nothing differs. Its time is not the world’s, and several vCPUs take turns.',
      'wallClock',
    );
  return ok('The wall clock: the two may read different times, which costs nothing until one of them is said.');
}

function memory(bytes: number, free: number, isAlone: boolean): Outcome {
  const needed = isAlone ? bytes : 2 * bytes;
  const words = isAlone ? formatSize(bytes) : `Twice ${formatSize(bytes)}`;
  if (free < needed) return note(`${words} are needed, and ${formatSize(free)} are free now: this computer may get slow.`);
  return ok(`${words} of ${formatSize(free)} that are free.`);
}

function disks({ machine, state }: PreflightSubject): Outcome {
  const own = ownDrives(driveConfigurations(machine));
  if (own.length === 0) return ok('It writes no disks.');
  // Its own engine has them, and says more about that than a lock.
  if (state === 'off')
    for (const drive of own) {
      try {
        void openDriveImage(drive, 'a look before a pair is made').close();
      } catch (error) {
        return blocks((storageFailure(error) ?? (error as Error)).message);
      }
    }
  return ok(`${own.length === 1 ? 'One image is' : `${own.length} images are`} written; the second machine gets a copy.`);
}

async function space({ machine, peer }: PreflightSubject, surroundings: PreflightSurroundings): Promise<Outcome> {
  if (peer !== undefined) return ok('The second machine’s disks are made on its own host.');
  let needed = 0;
  for (const { kind, path } of ownDrives(driveConfigurations(machine))) {
    try {
      needed += lookAt({ kind: 'path', path }, (file) => examineDrive(file, kind)).bytes;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return blocks(error.message);
    }
  }
  const free = await surroundings.freeSpace(machine.folder);
  if (needed > free)
    return blocks(
      `The second machine’s disks take up to ${formatSize(needed)}, and ${formatSize(free)} are free. Make room where the library is.`,
    );
  return ok(
    needed === 0
      ? `Nothing is copied; ${formatSize(free)} are free.`
      : `Up to ${formatSize(needed)} for the second machine’s disks; ${formatSize(free)} are free.`,
  );
}

async function secondHost({ peer, peers }: PreflightSubject, { isReached }: PreflightSurroundings): Promise<Outcome> {
  if (peer === undefined) return ok('Both machines run on this computer; what it does not survive, they do not.');
  const known = peers.find(({ name }) => name === peer);
  if (known === undefined) return blocks(`No host named ${peer} is known here. "vitrine peer add" makes two hosts known to each other.`);
  if (known.address === null) return blocks(`${peer} has not said where it listens. Name its address with "vitrine peer add".`);
  const { host, port } = known.address;
  if (!(await isReached(host, port))) return blocks(`${peer} does not answer at ${host}:${port}. Run "vitrine serve --peer" there.`);
  return ok(`The second machine runs on ${peer}, over TLS with both hosts’ certificates.`);
}

async function leaseKeeper({ peer, etcd, etcdFiles = {} }: PreflightSubject): Promise<Outcome> {
  if (etcd === undefined) {
    if (Object.values(etcdFiles).some((path) => path !== undefined)) return blocks('Certificates are for an etcd; name its address.');
    return peer === undefined ? ok('A file of the machine’s folder says who may speak.') : blocks('Two hosts share no file that could be the lease; name an etcd that both reach.');
  }
  let credentials: EtcdCredentials;
  try {
    credentials = readEtcdCredentials(etcdFiles, etcd);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return blocks(error.message);
  }
  const asked = await Promise.allSettled(etcd.map((address) => etcdOwner(etcdOver([address], reachedWithin, credentials), '/vitrine/preflight/')));
  const failures = asked.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Error).message] : []));
  if (failures.length === etcd.length) return blocks(failures.join(' '));
  if (failures.length > 0) return note(`${failures.join(' ')} The others answer.`);
  return ok(`etcd at ${etcd.join(', ')} says who may speak.`);
}

async function portFree(port: number, surroundings: PreflightSurroundings): Promise<Outcome> {
  if (port === 0) return ok('Any port of this computer that is free.');
  if (await surroundings.isPortFree(port)) return ok(`Port ${port} of this computer.`);
  return blocks(`Port ${port} is in use by another program, or may not be used. Choose another one.`, 'anyPort');
}

export async function preflight(
  subject: PreflightSubject,
  surroundings: PreflightSurroundings = thisComputer,
): Promise<PreflightPoint[]> {
  const { file } = subject.machine;
  const points: [PreflightPoint['id'], string, Outcome][] = [
    ['state', 'State', isOff(subject.state)],
    [
      'system',
      'Processes and signals',
      surroundings.platform === 'win32'
        ? blocks('Pairs need local sockets with permissions, which Windows does not have: run them on Linux or macOS.')
        : ok('Three processes of this computer: two machines and a gateway. They go on when this window is closed.'),
    ],
    ['peer', 'Second host', await secondHost(subject, surroundings)],
    ['lease', 'Lease', await leaseKeeper(subject)],
    ['vcpus', 'vCPUs', vcpus(file.cpus)],
    ['clock', 'Clock', clock(file.clock)],
    ['memory', 'Memory', memory(file.memoryMiB * MEMORY_UNIT, surroundings.freeMemory(), subject.peer !== undefined)],
    ['disks', 'Disks', disks(subject)],
    ['space', 'Room for the copy', await space(subject, surroundings)],
    ['port', 'Where clients connect', await portFree(subject.port, surroundings)],
    [
      'serial',
      'What is protected',
      note('What leaves by the first serial port and by port 0xE9. Keys and the mouse reach both machines; there is no network yet.'),
    ],
  ];
  return points.map(([id, title, { state, sentence, actions = [] }]) => ({ id, title, state, sentence, actions }));
}
