import type { LibraryEntry, MachineSummary } from '../../../main/contract/machine.ts';
import type { Settings } from '../../../main/contract/application.ts';
import type { Command } from '../../shell/command.ts';
import type { ControlVerb } from '../../stores/library.ts';
import { isOn } from '../../ui/state.ts';

export interface LibraryActions {
  machines: MachineSummary[];
  selected: LibraryEntry | undefined;
  theme: Settings['theme'];
  settings(): void;
  keyboardMap(): void;
  newMachine(): void;
  /** The tour of two minutes, in a machine of its own. */
  tour(): void;
  edit(): void;
  clone(id: string, kind: 'full' | 'linked'): void;
  remove(): void;
  select(id: string): void;
  console(id: string): void;
  workbench(id: string): void;
  /** Opens what makes a pair of a machine, and shows how one fares. */
  protect(id: string): void;
  /** Takes a report, and shows it in the workbench. */
  report(id: string): void;
  control(id: string, verb: ControlVerb): void;
  setTheme(theme: Settings['theme']): void;
  setLayout(layout: 'grid' | 'list'): void;
}

/** Each thing that can be done in the library now, by name. Nothing is listed that would be refused. */
export function libraryCommands(actions: LibraryActions): Command[] {
  const commands: Command[] = [
    { title: 'New machine', hint: 'from a sample, an image or assembly', keys: 'Ctrl N', run: actions.newMachine },
    { title: 'Take the tour', hint: 'two minutes: write, run, break, look, report', run: actions.tour },
  ];
  const { selected } = actions;
  if (selected?.kind === 'machine') commands.push({ title: `Edit ${selected.name}`, keys: 'F2', run: actions.edit });
  if (selected && !isOn(selected)) {
    if (selected.kind === 'machine')
      commands.push({
        title: `Clone ${selected.name}`,
        hint: 'with all its files',
        run: () => actions.clone(selected.id, 'full'),
      });
    if (selected.kind === 'machine' && selected.disks > 0)
      commands.push({
        title: `Linked clone of ${selected.name}`,
        hint: 'its disks hold only what differs',
        run: () => actions.clone(selected.id, 'linked'),
      });
    commands.push({
      title: `Delete ${selected.kind === 'machine' ? selected.name : selected.id}`,
      keys: 'Del',
      run: actions.remove,
    });
  }
  for (const { id, name, state } of actions.machines) {
    const control = (verb: ControlVerb) => () => actions.control(id, verb);
    if (state === 'paired') {
      commands.push(
        { title: `Show the pair ${name}`, hint: 'its state, its charts, its faults', run: () => actions.protect(id) },
        { title: `Go to ${name}`, run: () => actions.select(id) },
      );
      continue;
    }
    if (state === 'off')
      commands.push(
        { title: `Start ${name}`, run: control('start') },
        { title: `Protect ${name} with a second machine`, hint: 'either may die, and clients notice nothing', run: () => actions.protect(id) },
      );
    else if (state === 'suspended')
      commands.push({ title: `Resume ${name}`, hint: 'from its suspended state', run: control('resume') });
    else commands.push({ title: `Show the console of ${name}`, run: () => actions.console(id) });
    if (state === 'running') commands.push({ title: `Pause ${name}`, run: control('pause') });
    if (state === 'paused') commands.push({ title: `Resume ${name}`, run: control('resume') });
    if (state === 'running' || state === 'paused')
      commands.push({ title: `Suspend ${name}`, hint: 'keeps everything in a file', run: control('suspend') });
    if (state !== 'off' && state !== 'suspended') {
      commands.push(
        { title: `Reset ${name}`, run: control('reset') },
        { title: `Power off ${name}`, hint: 'pulls the plug', run: control('powerOff') },
      );
    }
    if (state !== 'off') commands.push({ title: `Take a report of ${name}`, hint: 'evidence to take along', run: () => actions.report(id) });
    commands.push({ title: `Open the workbench of ${name}`, run: () => actions.workbench(id) });
    commands.push({ title: `Go to ${name}`, run: () => actions.select(id) });
  }
  commands.push(
    { title: 'Settings', keys: 'Ctrl ,', run: actions.settings },
    { title: 'Keyboard map', keys: '?', run: actions.keyboardMap },
  );
  const themes = { system: 'Theme of the system', light: 'Light theme', dark: 'Dark theme' } as const;
  for (const theme of ['system', 'light', 'dark'] as const) {
    if (theme !== actions.theme) commands.push({ title: themes[theme], run: () => actions.setTheme(theme) });
  }
  commands.push(
    { title: 'Show the library as a grid', run: () => actions.setLayout('grid') },
    { title: 'Show the library as a list', run: () => actions.setLayout('list') },
  );
  return commands;
}
