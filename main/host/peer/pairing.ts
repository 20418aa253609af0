/** Two hosts come to know each other: what the listening one answers, and what the adding one does. */
import { z } from 'zod';
import { HostError } from '../errors.ts';
import type { Link } from '../pair/link.ts';
import type { Address } from './address.ts';
import type { HostIdentity } from './identity.ts';
import { peerNameSchema, type KnownPeer, type KnownPeers } from './known-peers.ts';
import { isProof, pairingProof, parsePairingCode, type PairingCodes } from './pairing-code.ts';
import { connectSecurely } from './secure.ts';

const bytes = z.instanceof(Uint8Array).refine(({ length }) => length === 32);

/** From who adds. */
export const pairingRequest = z.strictObject({ kind: z.literal('pair'), version: z.literal(1), name: peerNameSchema, proof: bytes });

const pairingAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('paired'), name: peerNameSchema, proof: bytes }),
  z.strictObject({ kind: z.literal('refused'), reason: z.string().max(400) }),
]);

/** Milliseconds for which an answer is waited for. */
const patience = 10_000;

/** The listening host, to a stranger that wants to be known. Ends the link. */
export async function answerPairing(
  { identity, known, codes }: { identity: HostIdentity; known: KnownPeers; codes: PairingCodes },
  link: Link,
  fingerprint: string,
  message: unknown,
): Promise<KnownPeer | undefined> {
  const request = pairingRequest.safeParse(message);
  if (!request.success) {
    // Not even a word for who says something else.
    link.close();
    return undefined;
  }
  const used = codes.use(request.data.proof, fingerprint);
  if ('refused' in used) {
    link.send({ kind: 'refused', reason: used.refused });
    return undefined;
  }
  const peer = await known.add(request.data.name, fingerprint, null);
  link.send({ kind: 'paired', name: identity.name, proof: used.proof });
  return peer;
}

/** The adding host. Throws HostError; then nothing has changed here. */
export async function addPeer(identity: HostIdentity, known: KnownPeers, where: Address, code: string, name?: string): Promise<KnownPeer> {
  const { fingerprintStart, secret } = parsePairingCode(code);
  if (identity.fingerprint.startsWith(fingerprintStart)) throw new HostError('BAD_INPUT', 'This code is this host’s own. It is typed at the other one.');
  const { link, fingerprint } = await connectSecurely(identity, where, (shown) => shown.startsWith(fingerprintStart));
  try {
    const answer = await new Promise<unknown>((resolve, reject) => {
      const fail = () => reject(new HostError('WRONG_STATE', 'The other host ended the pairing without an answer.'));
      const timer = setTimeout(fail, patience);
      link.onClose = () => {
        clearTimeout(timer);
        fail();
      };
      link.onMessage = (message) => {
        clearTimeout(timer);
        resolve(message);
      };
      link.send({ kind: 'pair', version: 1, name: identity.name, proof: pairingProof(secret, 'who adds', identity.fingerprint, fingerprint) });
    });
    const read = pairingAnswer.safeParse(answer);
    if (!read.success) throw new HostError('WRONG_STATE', 'The other host answered with what is no pairing.');
    if (read.data.kind === 'refused') throw new HostError('BAD_INPUT', read.data.reason);
    if (!isProof(read.data.proof, pairingProof(secret, 'who listens', identity.fingerprint, fingerprint)))
      throw new HostError('WRONG_STATE', 'The other host does not know the code itself.');
    return await known.add(name ?? read.data.name, fingerprint, where);
  } finally {
    link.onClose = () => {};
    link.close();
  }
}
