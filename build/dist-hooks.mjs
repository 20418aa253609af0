/**
 * What electron-builder calls while it packs (electron-builder.yml): says who signs, and leaves fingerprints and, where a key is named,
 * signatures beside what was made.
 *
 * Credentials come from the environment alone:
 *   Windows  WIN_CSC_LINK or CSC_LINK, and its password in …_KEY_PASSWORD     electron-builder signs
 *   macOS    CSC_LINK or CSC_NAME; APPLE_API_KEY… or APPLE_ID… to notarize    electron-builder signs and notarizes
 *   Linux    VITRINE_GPG_KEY, the key's id or fingerprint                      `SHA256SUMS.asc`, written here
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const say = (line) => process.stderr.write(`${line}\n`);

/** One sentence on the signature that a package of this platform gets; `signed` is whether it gets one. */
export function signingOf(platform, environment = process.env) {
  const has = (...names) => names.find((name) => environment[name]);
  if (platform === 'win32') {
    const link = has('WIN_CSC_LINK', 'CSC_LINK');
    return link
      ? { signed: true, sentence: `Windows: signed with the certificate of ${link}.` }
      : { signed: false, sentence: 'Windows: this build is UNSIGNED; set WIN_CSC_LINK and WIN_CSC_KEY_PASSWORD to sign it.' };
  }
  if (platform === 'darwin') {
    const link = has('CSC_LINK', 'CSC_NAME');
    if (!link)
      return {
        signed: false,
        sentence: 'macOS: this build is UNSIGNED and will not update itself; set CSC_LINK and CSC_KEY_PASSWORD to sign it.',
      };
    const notary = has('APPLE_API_KEY', 'APPLE_ID', 'APPLE_KEYCHAIN_PROFILE');
    return {
      signed: true,
      sentence: `macOS: signed with the identity of ${link}, ${notary ? `notarized with ${notary}` : 'NOT notarized (no APPLE_API_KEY or APPLE_ID)'}.`,
    };
  }
  const key = has('VITRINE_GPG_KEY');
  return key
    ? { signed: true, sentence: `Linux: the list of fingerprints is signed with the OpenPGP key of ${key}.` }
    : {
        signed: false,
        sentence:
          'Linux: this build is UNSIGNED; set VITRINE_GPG_KEY to the id of an OpenPGP key to sign its list of fingerprints.',
      };
}

/** electron-builder: one platform's folder is packed and about to be signed. */
export function afterPack({ electronPlatformName, appOutDir }) {
  // Electron's own, for programs that have no app; electron-builder leaves them when the files come from a folder.
  for (const name of ['resources/default_app.asar', 'version']) rmSync(path.join(appOutDir, name), { force: true });
  say(signingOf(electronPlatformName).sentence);
}

/** electron-builder: everything is made. Writes `SHA256SUMS` and, with a key, `SHA256SUMS.asc`; returns what it wrote. */
export async function afterAllArtifactBuild({ outDir, artifactPaths }) {
  return writeFingerprints(outDir, artifactPaths);
}

/** The list of fingerprints of some files of a folder, in `sha256sum` format, signed when the environment names a key. */
export async function writeFingerprints(folder, files, environment = process.env) {
  const list = path.join(folder, 'SHA256SUMS');
  const signature = `${list}.asc`;
  const rows = [];
  for (const file of [...files].filter((name) => existsSync(name)).sort())
    rows.push(`${await sha256(file)}  ${path.basename(file)}\n`);
  writeFileSync(list, rows.join(''));
  // One of an earlier build would be for other files.
  rmSync(signature, { force: true });
  const key = environment['VITRINE_GPG_KEY'];
  if (!key) return [list];
  const signed = spawnSync(
    'gpg',
    ['--batch', '--yes', '--armor', '--local-user', key, '--output', signature, '--detach-sign', list],
    { encoding: 'utf8', env: environment },
  );
  if (signed.status !== 0)
    throw new Error(`The list of fingerprints could not be signed with ${key}: ${signed.error?.message ?? signed.stderr.trim()}`);
  return [list, signature];
}

function sha256(file) {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    createReadStream(file)
      .on('data', (part) => hash.update(part))
      .on('end', () => resolve(hash.digest('hex')))
      .on('error', reject);
  });
}
