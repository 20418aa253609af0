import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sourceFiles } from './source-files.ts';
import { temporaryFolder } from './testing/fake-engine.ts';

async function tree() {
  const root = await temporaryFolder(onTestFinished);
  const machine = join(root, 'machine');
  const guests = join(root, 'guests');
  await mkdir(join(machine, 'part'), { recursive: true });
  await mkdir(guests);
  await writeFile(join(machine, 'part', 'near.inc'), 'near');
  await writeFile(join(machine, 'part', 'nearer.inc'), 'nearer');
  await writeFile(join(guests, 'shared.inc'), 'shared');
  await writeFile(join(root, 'secret'), 'secret');
  await symlink(join(root, 'secret'), join(machine, 'link.inc'));
  return { root, machine, folders: [machine, guests] };
}

describe('what a source includes', () => {
  it('is found beside the file that asks, then in the folders', async () => {
    const { machine, folders } = await tree();
    const find = sourceFiles(folders, false);
    expect(find('part/near.inc', 'guest.asm')?.text).toBe('near');
    expect(find('nearer.inc', join(machine, 'part', 'near.inc'))?.text).toBe('nearer');
    expect(find('shared.inc', 'guest.asm')?.text).toBe('shared');
    expect(find('none.inc', 'guest.asm')).toBeUndefined();
  });

  it('never leaves the folders, by dots, by an absolute path, or by a link', async () => {
    const { root, folders } = await tree();
    const find = sourceFiles(folders, false);
    for (const path of ['../secret', join(root, 'secret'), 'part/../../secret', 'link.inc', '/etc/passwd', '.']) {
      expect(find(path, 'guest.asm'), path).toBeUndefined();
    }
  });

  it('may be anywhere for a person’s own command line', async () => {
    const { root, folders } = await tree();
    const find = sourceFiles(folders, true);
    expect(find('../secret', 'guest.asm')?.text).toBe('secret');
    expect(find(join(root, 'secret'), 'guest.asm')?.text).toBe('secret');
  });
});
