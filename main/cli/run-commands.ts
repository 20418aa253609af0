import { basename } from 'node:path';
import type { Command } from 'commander';
import { loadBoot } from '../host/boot.ts';
import { ownFirmware } from '../host/firmware.ts';
import { GuestLabels } from '../host/guest-labels.ts';
import { configureMachine } from '../host/machine-configuration.ts';
import { libraryFolder } from '../host/places.ts';
import { Session } from '../host/session.ts';
import type { MachineConfiguration } from '../host/engine-types.ts';
import { MEMORY_UNIT } from '../contract/machine.ts';
import { libraryOptions } from './library-commands.ts';
import { runReport } from './report-command.ts';
import { run, type TakeSteps } from './run.ts';
import { DEFAULT_MEMORY, planRun, type RawRunOptions, type RunPlan } from './run-options.ts';
import { clientGuest, sessionGuest, type ScriptGuest } from './script/guest.ts';
import { runScript } from './script/run-script.ts';
import { readScript, type ScriptFile } from './script/script-file.ts';
import { connectToHolder, findMachine, holdLibrary, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

const EXIT_HELP = `
Exit status: 0 the --until was met, the script is done, or the guest powered off · (v<<1)|1 the guest wrote v to port 0xF4 · 124 time-out ·
2 bad usage or bad input ·
1 failed while running, stopped at a triple fault, or a step of the script failed (124: it waited in vain) · 130 Ctrl-C. Port 0xE9 prints to stderr.

Without --serial, what the guest writes to COM1 is printed; with --serial stdio it is also read from the terminal.`;

/** gdb is served before the first instruction, so the machine has to stand there meanwhile. */
const startsPaused = (plan: RunPlan): boolean => plan.paused || plan.gdb !== undefined;

/** An option that may be given more than once. */
const repeated = (value: string, before: string[] = []): string[] => [...before, value];

export function addRunCommands(program: Command, services: Services, terminal: Terminal, finish: (status: number) => void): void {
  libraryOptions(
    program
      .command('run')
      .description('run a machine of the library, or an image without any library, here and now')
      .argument('[machine]')
      .option('--kernel <file>', 'Multiboot or Linux kernel')
      .option('--initrd <file>', 'initial RAM disk of the kernel')
      .option('--append <text>', 'command line of the kernel')
      .option('--asm <file>', 'assembly source (NASM syntax)')
      .option('--boot-sector <file>', 'boot sector image')
      .option('--bios <file>', 'firmware')
      .option('--vgabios <file>', 'VGA firmware beside --bios')
      .option('--floppy <file>', 'floppy image; up to twice', repeated)
      .option('--cdrom <file>', 'CD-ROM image; with disks up to four', repeated)
      .option('--disk <file>', 'hard-disk image, which the guest may change; with CD-ROMs up to four', repeated)
      .option('--boot <order>', 'what firmware tries, for instance cdrom,disk (default: floppy,cdrom,disk)')
      .option('--cpus <number>', 'virtual processors (1 to 16)')
      .option('--memory <size>', 'for instance 128M (the default)')
      .option('--clock <mode>', 'wall (the default) or virtual')
      .option('--serial <target>', 'stdio, a file, or tcp:PORT on loopback')
      .option('--until-serial <regex>', 'end with 0 when COM1 has said this')
      .option('--until-screen <regex>', 'end with 0 when the text screen shows this')
      .option('--timeout <seconds>', 'end with 124 after so long')
      .option('--type <text>', 'type this once the guest shows something; \\n \\t \\b \\e \\\\ are keys')
      .option('--script <file>', 'take the steps of this file (docs/formats/script.md); end with 0 behind the last')
      .option('--screenshot <file>', 'write the last picture as PNG')
      .option('--report <file>', 'write a report of the last state: .json, .html, .md or .core; see vitrine report')
      .option('--stop-at-triple-fault', 'end with 1 at a triple fault, before its reset; a report is of that moment')
      .option('--gdb <port>', 'let gdb attach at this port of loopback from the first instruction on; 0 is any that is free')
      .option('--paused', 'stay before the first instruction until gdb, the script or “vitrine resume” lets it go on')
      .option('--rfb <port>', 'VNC viewers may connect at [ADDRESS:]PORT (default: this computer only); password from $VITRINE_RFB_PASSWORD')
      .option('--stats', 'print counters as one line of JSON at the end')
      .addHelpText('after', EXIT_HELP),
  ).action(async (word: string | undefined, options: RawRunOptions) => {
    const plan = planRun(word, options);
    if (plan.from.kind === 'files') finish(await runFiles(plan, plan.from.files));
    else if (plan.from.kind === 'drives') finish(await runFiles(plan, ownFirmware(services.guests)));
    else finish(await runNamed(plan, plan.from.word, libraryFolder(options.library, terminal.environment), false));
  });

  interface StartOptions {
    library?: string;
    json?: boolean;
    paused?: boolean;
  }
  libraryOptions(
    program
      .command('start')
      .description('power a machine on: in the program that has the library open, or else here, as run does')
      .argument('<machine>')
      .option('--paused', 'stop before the first instruction; needs a program that has the library open'),
  ).action(async (word: string, options: StartOptions) => {
    const library = libraryFolder(options.library, terminal.environment);
    const holder = await connectToHolder(services, library);
    if (!holder) {
      finish(await runNamed(planRun(word, { json: options.json }), word, library, options.paused ?? false));
      return;
    }
    try {
      const id = await findMachine(holder.client, word);
      const machine = await holder.client.machines.start({ id, paused: options.paused });
      if (options.json) jsonLine(terminal.stdout, machine);
      else line(terminal.stdout, `${id} is ${machine.state} in ${holder.program}.`);
    } finally {
      holder.close();
    }
  });

  libraryOptions(
    program
      .command('resume')
      .description('go on with a paused or suspended machine: in the program that has the library open, or else here, as run does')
      .argument('<machine>'),
  ).action(async (word: string, options: StartOptions) => {
    const library = libraryFolder(options.library, terminal.environment);
    const holder = await connectToHolder(services, library);
    if (holder) {
      try {
        const id = await findMachine(holder.client, word);
        const machine = await holder.client.machines.resume({ id });
        if (options.json) jsonLine(terminal.stdout, machine);
        else line(terminal.stdout, `${id} is ${machine.state} in ${holder.program}.`);
      } finally {
        holder.close();
      }
      return;
    }
    const held = await holdLibrary(services, terminal, library, 'vitrine resume');
    try {
      const id = await findMachine(held.client, word);
      const plan = planRun(word, { json: options.json });
      finish(await held.host.withSession(id, (session) => run(session, () => held.host.suspending.resume(id), plan, services.disk, terminal)));
    } finally {
      await held.close();
    }
  });

  const warn = (sentence: string): void => line(terminal.stderr, `vitrine: ${sentence}`);

  const steps = (script: ScriptFile | undefined, guest: ScriptGuest, { json }: RunPlan): TakeSteps | undefined =>
    script && ((signal, endLine) => runScript(script, guest, { disk: services.disk, terminal, json, endLine }, signal));

  async function runFiles(plan: RunPlan, files: Parameters<typeof loadBoot>[1]): Promise<number> {
    const { disk, engine, guests } = services;
    const script = plan.script === undefined ? undefined : await readScript(disk, plan.script);
    const memoryBytes = plan.memoryBytes ?? DEFAULT_MEMORY;
    const boot = await loadBoot({ disk, assemble: engine.assemble, guests }, files, memoryBytes);
    const configuration: MachineConfiguration = {
      name: basename(plan.drives[0]?.path ?? files.file),
      cpus: plan.cpus ?? 1,
      memoryBytes,
      clock: plan.clock ?? 'wall',
      boot,
      drives: plan.drives,
      bootOrder: plan.bootOrder,
    };
    const labels = new GuestLabels({ disk, assemble: engine.assemble, guests });
    const session = new Session(undefined, disk, () => undefined, warn, () => labels.symbols(files));
    const start = () => session.start(engine.createMachine, () => Promise.resolve(configuration), startsPaused(plan));
    const guest = sessionGuest(session, () => labels.of(files));
    const started = files.kind === 'own-bios' ? { kind: 'drives' as const, file: null } : { kind: files.kind, file: files.file };
    const report = runReport(services, { id: null, boot: started });
    return run(session, start, plan, disk, terminal, { script: steps(script, guest, plan), report });
  }

  /** The library is held meanwhile, so that `stop` finds the machine and no other program starts it too. */
  async function runNamed(plan: RunPlan, word: string, library: string, paused: boolean): Promise<number> {
    const { disk } = services;
    const script = plan.script === undefined ? undefined : await readScript(disk, plan.script);
    const held = await holdLibrary(services, terminal, library, 'vitrine run');
    try {
      const id = await findMachine(held.client, word);
      return await held.host.withSession(id, (session, machine) => {
        const configure = async (): Promise<MachineConfiguration> => {
          const file = { ...machine.file };
          if (plan.cpus !== undefined) file.cpus = plan.cpus;
          if (plan.clock !== undefined) file.clock = plan.clock;
          if (plan.memoryBytes !== undefined) file.memoryMiB = plan.memoryBytes / MEMORY_UNIT;
          const configuration = await configureMachine(held.host.tools, { ...machine, file });
          return {
            ...configuration,
            drives: [...(configuration.drives ?? []), ...plan.drives],
            bootOrder: plan.bootOrder ?? configuration.bootOrder,
          };
        };
        const start = () => held.host.start(id, paused || startsPaused(plan), configure);
        const guest = clientGuest(held.client, id);
        const report = runReport(services, { id, boot: held.host.startsFrom(machine) });
        return run(session, start, plan, disk, terminal, { script: steps(script, guest, plan), report });
      });
    } finally {
      await held.close();
    }
  }
}
