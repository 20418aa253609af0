/** Certificates as people make them, by OpenSSL's command line, in a temporary folder. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'vitrine-certificates-'));

  at(name: string): string {
    return join(this.folder, name);
  }

  openssl(...words: string[]): void {
    const { status, stderr } = spawnSync('openssl', words, { encoding: 'utf8', cwd: this.folder });
    if (status !== 0) throw new Error(`openssl ${words.join(' ')}: ${stderr}`);
  }

  /** NAME.pem and NAME.key. */
  authority(name: string): void {
    this.openssl('req', '-x509', ...key, '-days', '2', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`);
  }

  /** NAME.pem, which the authority has signed for this address, and NAME.key. */
  signed(name: string, by: string, address = '127.0.0.1'): void {
    this.openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    writeFileSync(this.at(`${name}.ext`), `subjectAltName=IP:${address}\n`);
    this.openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`);
  }

  /** Words for an etcd that has the certificate `server` and takes clients of `authority`. */
  etcdWords(server: string, authority: string): string[] {
    return ['--cert-file', this.at(`${server}.pem`), '--key-file', this.at(`${server}.key`), '--trusted-ca-file', this.at(`${authority}.pem`), '--client-cert-auth'];
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
