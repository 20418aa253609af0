/** A real etcd behind TLS that asks its clients for certificates, all made by OpenSSL; and what is said of each file and certificate that is wrong. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEtcdCredentials, type EtcdFiles } from '../../main/host/pair/etcd-credentials.ts';
import { EtcdLease, etcdOwner } from '../../main/host/pair/etcd-lease.ts';
import { etcdOver } from '../../main/host/pair/etcd.ts';
import { Certificates } from '../support/certificates.ts';
import { Etcd, hasEtcd } from '../support/etcd.ts';

const prefix = '/vitrine/pairs/secure/';
const patience = 5000;

describe.skipIf(!hasEtcd)('an etcd behind TLS', () => {
  const made = new Certificates();
  const at = (name: string) => made.at(name);
  let etcd: Etcd;

  const credentials = (files: EtcdFiles, url = etcd.url) => readEtcdCredentials(files, [url]);
  const ask = async (files: EtcdFiles, url = etcd.url) => etcdOwner(etcdOver([url], patience, credentials(files, url)), prefix);

  beforeAll(async () => {
    made.authority('ca');
    made.authority('other');
    made.signed('server', 'ca');
    made.signed('elsewhere', 'ca', '10.1.2.3');
    made.signed('client', 'ca');
    made.signed('stranger', 'other');
    made.openssl('ec', '-in', 'client.key', '-aes256', '-passout', 'pass:secret', '-out', 'encrypted.key');
    etcd = await Etcd.start(undefined, [], made.etcdWords('server', 'ca'));
  }, 120_000);
  afterAll(async () => {
    await etcd.end();
    made.remove();
  });

  const good = () => ({ ca: at('ca.pem'), certificate: at('client.pem'), key: at('client.key') });

  it('keeps a lease for who has its authority and a certificate of it', async () => {
    const lease = new EtcdLease({ call: etcdOver([etcd.url], patience, credentials(good())), prefix, side: 'a', validity: 1000 });
    expect(await lease.acquire(1)).toBe(true);
    for (const end = Date.now() + 30_000; lease.standing(1) !== 'held' && Date.now() < end; ) await delay(10);
    expect([lease.standing(1), await ask(good())]).toEqual(['held', expect.stringMatching(/^a-/u)]);
    await lease.end();
  });

  it('is not believed without its authority, with another, or under another name', async () => {
    const { certificate: shown, key } = good();
    await expect(ask({ certificate: shown, key })).rejects.toThrow(/^The certificate of etcd at https:.* is not trusted: .*--etcd-ca/u);
    await expect(ask({ ...good(), ca: at('other.pem') })).rejects.toThrow(/is not trusted/u);
    const elsewhere = await Etcd.start(undefined, [], made.etcdWords('elsewhere', 'ca'));
    try {
      await expect(ask(good(), elsewhere.url)).rejects.toThrow(/is not trusted: .*127\.0\.0\.1/u);
    } finally {
      await elsewhere.end();
    }
  });

  it('refuses who shows nothing, or a certificate of another authority', async () => {
    await expect(ask({ ca: at('ca.pem') })).rejects.toThrow(/^etcd at https:.* takes only clients with a certificate/u);
    await expect(ask({ ca: at('ca.pem'), certificate: at('stranger.pem'), key: at('stranger.key') })).rejects.toThrow(/^etcd at https:.* refuses this client's certificate/u);
  });

  it('is not asked in the clear, nor one in the clear as if it were secure', async () => {
    await expect(ask({}, etcd.url.replace('https', 'http'))).rejects.toThrow(/^etcd at http:/u);
    const plain = await Etcd.start();
    try {
      await expect(ask({ ca: at('ca.pem') }, plain.url.replace('http', 'https'))).rejects.toThrow(/does not answer: .*TLS/u);
    } finally {
      await plain.end();
    }
  });

  it('is told by files that can be read and belong together', () => {
    const { ca, certificate: shown, key } = good();
    expect(credentials({ ca, certificate: shown, key })).toEqual({ ca: readFileSync(ca, 'utf8'), certificate: readFileSync(shown, 'utf8'), key: readFileSync(key, 'utf8') });
    expect(credentials({})).toEqual({});
    const refused = (files: EtcdFiles, sentence: string | RegExp, url?: string) => expect(() => credentials(files, url)).toThrow(sentence);
    refused({ ca: at('nothing.pem') }, `${at('nothing.pem')} does not exist.`);
    refused({ ca: made.folder }, `${made.folder} is a folder, not a file.`);
    refused({ ca: key }, `${key} holds no certificate in PEM.`);
    refused({ certificate: shown }, 'A client certificate for etcd needs its key.');
    refused({ key }, 'A key for etcd needs its certificate.');
    refused({ certificate: shown, key: shown }, `${shown} holds no private key in PEM.`);
    refused({ certificate: shown, key: at('stranger.key') }, `The key in ${at('stranger.key')} is not that of the certificate in ${shown}.`);
    refused({ certificate: shown, key: at('encrypted.key') }, /is encrypted/u);
    refused({ ca }, 'Certificates for etcd need https addresses.', 'http://127.0.0.1:2379');
    writeFileSync(at('closed.pem'), readFileSync(ca));
    chmodSync(at('closed.pem'), 0);
    // Root reads everything.
    if (process.getuid?.() !== 0) refused({ ca: at('closed.pem') }, `${at('closed.pem')}: permission denied.`);
  });
});
