import type { MachineSummary } from '../../../main/contract/machine.ts';
import type { Command } from '../../shell/command.ts';
import type { StepKind } from '../inspector/use-run-control.ts';
import type { ControlVerb } from '../../stores/library.ts';
import { isLive } from '../../ui/state.ts';
import { PANELS } from './panels.ts';
import type { ViewDescription } from './views.ts';

export interface WorkbenchActions {
  machine: MachineSummary | undefined;
  machines: readonly MachineSummary[];
  views: readonly ViewDescription[];
  view: string;
  setView(id: string): void;
  show(panel: string): void;
  /** Opens the terminal with gdb attached. */
  gdb(): void;
  resetLayout(): void;
  console(): void;
  /** Takes a report, and shows it. */
  report(): void;
  control(verb: ControlVerb): void;
  step(kind: StepKind): void;
  library(): void;
  open(id: string): void;
  settings(): void;
  keyboardMap(): void;
}

/** Each thing that can be done in a workbench now, by name. */
export function workbenchCommands(actions: WorkbenchActions): Command[] {
  const commands: Command[] = [];
  const { machine } = actions;
  if (machine) {
    const control = (title: string, verb: ControlVerb, hint?: string, keys?: string): void =>
      void commands.push({
        title: `${title} ${machine.name}`,
        ...(hint === undefined ? {} : { hint }),
        ...(keys === undefined ? {} : { keys }),
        run: () => actions.control(verb),
      });
    if (machine.state === 'off') {
      control('Start', 'start');
      commands.push({ title: `Protect ${machine.name} with a second machine`, hint: 'either may die, and clients notice nothing', run: () => actions.show('pair-state') });
    }
    if (machine.state === 'running') control('Pause', 'pause', undefined, 'Ctrl F5');
    if (machine.state === 'paused') {
      control('Resume', 'resume', undefined, 'F5');
      commands.push(
        { title: 'Step into', keys: 'F11', run: () => actions.step('into') },
        { title: 'Step over', keys: 'F10', run: () => actions.step('over') },
        { title: 'Step out', keys: 'Shift F11', run: () => actions.step('out') },
      );
    }
    if (machine.state === 'suspended') control('Resume', 'resume');
    if (machine.state === 'running' || machine.state === 'paused') control('Suspend', 'suspend', 'keeps everything in a file');
    if (isLive(machine)) {
      control('Press the power button of', 'powerButton', 'the guest decides');
      control('Reset', 'reset');
      control('Power off', 'powerOff', 'pulls the plug');
      commands.push({ title: `Attach gdb to ${machine.name}`, hint: 'in a terminal', run: actions.gdb });
    }
    if (machine.state !== 'off')
      commands.push({ title: `Take a report of ${machine.name}`, hint: 'evidence to take along', run: actions.report });
    if (machine.state !== 'paired') commands.push({ title: 'Show the console in a window', keys: 'Ctrl Shift C', run: actions.console });
  }
  actions.views.forEach(({ id, title }, index) => {
    if (id !== actions.view)
      commands.push({ title: `View: ${title}`, keys: `Ctrl ${index + 1}`, run: () => actions.setView(id) });
  });
  for (const { id, title } of PANELS) commands.push({ title: `Show ${title}`, hint: 'panel', run: () => actions.show(id) });
  commands.push(
    { title: 'Put up the layout as it was at first', run: actions.resetLayout },
    { title: 'Go to the library', run: actions.library },
  );
  for (const { id, name } of actions.machines) {
    if (id !== machine?.id) commands.push({ title: `Go to ${name}`, hint: 'workbench', run: () => actions.open(id) });
  }
  commands.push(
    { title: 'Settings', keys: 'Ctrl ,', run: actions.settings },
    { title: 'Keyboard map', keys: '?', run: actions.keyboardMap },
  );
  return commands;
}
