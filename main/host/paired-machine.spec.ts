import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { fakeHost, temporaryFolder } from './testing/fake-engine.ts';

it('leaves a machine alone that runs as a pair, and has it again behind that', async () => {
  const { host, options } = await fakeHost(await temporaryFolder(onTestFinished));
  onTestFinished(() => host.close());
  await host.create({ name: 'Clerk', source: { kind: 'assembly-text', text: 'hlt' } });
  const pair = join(options.library, 'clerk', 'pair');
  await mkdir(pair);
  await writeFile(join(pair, 'pair.json'), '{}');
  const refused = { code: 'WRONG_STATE', message: expect.stringContaining('Clerk runs as a pair') as string };
  await expect(host.start('clerk', true)).rejects.toMatchObject(refused);
  await expect(host.configure('clerk', { cpus: 2 })).rejects.toMatchObject(refused);
  await expect(host.configureDrives('clerk', { drives: [] })).rejects.toMatchObject(refused);
  await expect(host.clone('clerk')).rejects.toMatchObject(refused);
  await expect(host.delete('clerk', 'machine-and-disks')).rejects.toMatchObject(refused);
  // A description that cannot be read hides neither its machine nor others.
  expect(await host.list()).toContainEqual(expect.objectContaining({ id: 'clerk', state: 'paired', pair: { state: 'lost', port: null, screens: [] } }));
  // What people see of it is nobody's state.
  await host.configure('clerk', { note: 'two of them' });
  await rm(pair, { recursive: true });
  await host.configure('clerk', { cpus: 2 });
  await host.delete('clerk', 'machine-and-disks');
});
