import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archive, OVF, sparseVmdk } from '../../engine/storage/import/testing/images.ts';
import { barriers, inspectScreen } from './accessibility.ts';
import { DesktopApp } from './desktop-app.ts';
import { displayMissing, startDisplay, type DisplayServer } from './display-server.ts';
import { dropPath } from './drop.ts';
import { askHost } from './host-client.ts';
import { eventually } from './screen.ts';

const missing = displayMissing();
describe.skipIf(missing !== undefined)('the screens of the desktop app', () => {
  let folder: string;
  let display: DisplayServer;
  let app: DesktopApp;
  let page: Page;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-e2e-'));
    display = await startDisplay();
    app = await DesktopApp.launch(folder, display.name);
    page = app.library;
    await app.card('Hello').waitFor();
  });
  afterAll(async () => {
    await app?.close();
    await display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const library = (): string => path.join(folder, 'library');
  const dialog = (): Locator => page.getByRole('dialog');
  const closed = (): Promise<void> => dialog().waitFor({ state: 'detached' });

  const inspect = (name: string, at: Page = page): Promise<void> => inspectScreen(app, library(), name, at);

  it('would be told of a barrier: axe finds one that is put there', async () => {
    await page.evaluate(() =>
      document.querySelector('main')?.append(Object.assign(document.createElement('input'), { id: 'nameless' })),
    );
    expect((await barriers(page)).join('\n')).toContain('nameless');
    await page.evaluate(() => document.querySelector('#nameless')?.remove());
  });

  it('edits a machine, and files it under a group and tags', async () => {
    await app.card('Hello').focus();
    await page.keyboard.press('F2');
    await dialog().getByLabel('Group').fill('Kernel course');
    await dialog().getByLabel('Tags').fill('real mode, boot');
    await inspect('edit');
    await dialog().locator('[data-action=save]').click();
    await closed();
    await page.getByRole('button', { name: /^real mode\s*1/ }).click();
    await app.card('Lantern').waitFor({ state: 'detached' });
    await inspect('library');
    await page.getByRole('button', { name: /^All machines/ }).click();
  });

  it('makes a machine with the wizard, which says what is refused and offers what works', async () => {
    await page.keyboard.press('Control+n');
    await dialog().getByText('Echo').or(dialog().getByText('Hello')).first().waitFor();
    await inspect('wizard-start');
    await dialog().locator('[data-action=next]').click();
    await dialog().getByRole('textbox', { name: 'Name' }).fill('Mine');
    await dialog().getByRole('textbox', { name: 'Memory' }).fill('4096');
    await dialog().getByText('4096 MiB is refused.').waitFor();
    expect(await dialog().getByTestId('missing').innerText()).toBe('1 value to mend: Memory');
    expect(await dialog().locator('[data-action=next]').isDisabled()).toBe(true);
    await inspect('wizard-refusal');
    await dialog().getByRole('button', { name: 'Use 3072 MiB' }).click();
    await dialog().locator('[data-action=next]').click();
    await dialog().locator('[data-action=add-empty]').click();
    await dialog().getByRole('textbox', { name: 'Size' }).fill('8');
    await dialog().locator('[data-action=add-empty-disk]').click();
    const cdrom = path.join(folder, 'tools.iso');
    writeFileSync(cdrom, new Uint8Array(64 << 10));
    await dropPath(page, dialog().getByRole('list', { name: 'Drives' }), cdrom);
    await dialog().getByText('CD-ROM, 64 KiB, is copied').waitFor();
    await inspect('wizard-drives');
    await dialog().locator('[data-action=next]').click();
    await inspect('wizard-review');
    await dialog().locator('[data-action=create]').click();
    await closed();
    await app.card('Mine').waitFor();
  });

  it('shows the drives of a machine, and changes them while it is off', async () => {
    await app.card('Mine').focus();
    await page.keyboard.press('F2');
    await dialog().locator('[data-action=drives]').click();
    await dialog().getByTestId('drive').nth(1).waitFor();
    await inspect('edit-drives');
    await dialog().getByRole('button', { name: 'Take tools.iso out' }).click();
    await dialog().getByRole('checkbox', { name: 'Read-only' }).check();
    await dialog().locator('[data-action=save]').click();
    await closed();
    expect(await askHost(library(), (client) => client.library.drives({ id: 'mine' }))).toMatchObject({
      drives: [{ kind: 'disk', file: 'disk.qcow2', readOnly: true, bytes: 8 << 20, place: 'Primary master' }],
    });
  });

  it('takes a dropped image by its path, and says what it is', async () => {
    const image = path.join(folder, 'boot.img');
    const bytes = new Uint8Array(512);
    bytes.set([0xeb, 0xfe]);
    bytes.set([0x55, 0xaa], 510);
    writeFileSync(image, bytes);
    await dropPath(page, page.getByRole('region', { name: 'Machines' }), image);
    await dialog().getByTestId('report').waitFor();
    await inspect('wizard-dropped');
    for (const step of ['next', 'next', 'next', 'create']) await dialog().locator(`[data-action=${step}]`).click();
    await closed();
    const entry = await askHost(library(), (client) => client.library.get({ id: 'boot' }));
    expect(entry).toMatchObject({ kind: 'machine', boot: { kind: 'boot-sector', file: 'boot.img' } });
  });

  it('says of a dropped appliance what will become of it, and makes a machine of it', async () => {
    const file = path.join(folder, 'box.ova');
    writeFileSync(
      file,
      archive({ 'box.ovf': OVF, 'box-disk1.vmdk': sparseVmdk(4 << 20, new Map([[0, new Uint8Array(65536).fill(7)]])) }),
    );
    await dropPath(page, page.locator('.gal'), file);
    await dialog().getByText('Its disks are converted to qcow2 images: box-disk1.qcow2').waitFor();
    await dialog().getByText('It is set up for EFI firmware').waitFor();
    await inspect('wizard-appliance');
    await dialog().locator('[data-action=next]').click();
    expect(await dialog().getByLabel('Virtual processors').inputValue()).toBe('2');
    await dialog().locator('[data-action=next]').click();
    await dialog().getByText('starts the machine').first().waitFor();
    await dialog().locator('[data-action=next]').click();
    await inspect('wizard-appliance-review');
    await dialog().locator('[data-action=create]').click();
    await closed();
    await app.card('box').waitFor();
    expect(
      readFileSync(path.join(library(), 'box', 'box-disk1.qcow2'))
        .subarray(0, 3)
        .toString(),
    ).toBe('QFI');
  });

  it('makes a linked clone, and keeps the disks that it stands on', async () => {
    await app.card('box').click();
    await page.getByRole('button', { name: 'More actions' }).click();
    await page.locator('[data-action=clone-linked]').click();
    await app.card('box copy').waitFor();
    await app.card('box').first().click();
    await page.keyboard.press('Delete');
    await dialog().getByTestId('dependants').getByText('box copy').waitFor();
    await inspect('delete-linked');
    await page.keyboard.press('Escape');
    await closed();
  });

  it('clones a machine, and lists what was done', async () => {
    await app.card('Mine').click();
    await page.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: /^Clone/ }).click();
    await app.card('Mine copy').waitFor();
    await page.getByTestId('tasks').click();
    await page.getByText('Mine copy is in the library.').waitFor();
    await inspect('tasks');
    await page.keyboard.press('Escape');
  });

  it('adopts a dropped folder, and leaves it as it is', async () => {
    const away = path.join(folder, 'Away');
    mkdirSync(away);
    const file: unknown = JSON.parse(readFileSync(path.join(library(), 'mine', 'machine.json'), 'utf8'));
    if (typeof file !== 'object' || file === null) throw new Error('The machine has no file.');
    writeFileSync(path.join(away, 'machine.json'), JSON.stringify({ ...file, name: 'Adopted' }));
    writeFileSync(path.join(away, 'hello.asm'), 'jmp $\n');
    await dropPath(page, page.getByRole('region', { name: 'Machines' }), away);
    await app.card('Adopted').waitFor();
    expect(readFileSync(path.join(library(), 'adopted', 'hello.asm'), 'utf8')).toBe('jmp $\n');
    expect(readFileSync(path.join(away, 'hello.asm'), 'utf8')).toBe('jmp $\n');
  });

  it('lists every file before it deletes', async () => {
    await app.card('Adopted').click();
    await page.keyboard.press('Delete');
    await dialog().getByText('hello.asm').waitFor();
    await dialog().getByLabel('The machine and all of these files').check();
    await inspect('delete');
    await dialog().locator('[data-action=delete]').click();
    await closed();
    await app.card('Adopted').waitFor({ state: 'detached' });
  });

  it('shows the keyboard map at “?”', async () => {
    await app.card('Mine').first().focus();
    await page.keyboard.press('?');
    await dialog().getByText('Send Ctrl Alt Del').waitFor();
    await inspect('keyboard-map');
    await page.keyboard.press('Escape');
    await closed();
  });

  it('keeps the release key and the scaling that were chosen', async () => {
    await page.keyboard.press('Control+,');
    await dialog().getByLabel('Release key').click();
    await page.keyboard.press('a');
    await dialog().getByText('is refused').waitFor();
    await dialog().getByLabel('Release key').click();
    await page.keyboard.press('F12');
    for (const label of ['Passed through', 'Keys to send']) {
      await dialog().getByRole('group', { name: label }).getByRole('button', { name: 'Add' }).click();
      await page.keyboard.press('Control+Alt+F9');
      await dialog()
        .getByRole('button', { name: 'Remove Ctrl Alt F9' })
        .nth(label === 'Passed through' ? 0 : 1)
        .waitFor();
    }
    await dialog().getByLabel('Scaling of consoles').selectOption('fit');
    await inspect('settings');
    const kept = await eventually(
      () => askHost(library(), (client) => client.application.settings.get()),
      ({ scaling }) => scaling === 'fit',
      'the scaling is kept',
    );
    const combination = ['ControlLeft', 'AltLeft', 'F9'];
    expect(kept).toMatchObject({ releaseKey: 'F12', scaling: 'fit', passThrough: [combination], combinations: [combination] });
    await page.keyboard.press('Escape');
    await closed();
  });

  it('scales the console as was chosen, and remembers it per machine', async () => {
    await app.card('Hello').click();
    let console = await app.startSelected();
    const picture = console.getByTestId('screen');
    const width = async (): Promise<number> => (await picture.boundingBox())?.width ?? 0;
    const mat = await console.getByRole('application').boundingBox();
    await eventually(width, (now) => mat !== null && now > mat.width - 20, 'the screen fills the window');
    await inspect('console-fit', console);
    await console.getByRole('button', { name: /^Scaling/ }).click();
    await console.getByRole('menuitemradio', { name: '1:1 pixels' }).click();
    expect(await eventually(width, (now) => now === 720 || now === 640, 'a guest pixel is a pixel')).toBeGreaterThan(0);
    await console.close();
    [console] = await Promise.all([app.electron.waitForEvent('window'), page.locator('[data-action=console]').click()]);
    await console.getByRole('button', { name: 'Scaling: 1:1 pixels' }).waitFor();
    await console.getByRole('radio', { name: 'Serial' }).click();
    await inspect('console-serial', console);
    await console.close();
    await page.locator('[data-action=power-off]').click();
  });

  it('shows the library as a list, and the command field', async () => {
    await page.getByRole('radio', { name: 'List' }).click();
    await inspect('library-list');
    await page.keyboard.press('Control+k');
    await inspect('commands');
    await page.keyboard.press('Escape');
  });

  it('raised no error in any window', () => {
    expect(app.complaints).toEqual([]);
  });
});
