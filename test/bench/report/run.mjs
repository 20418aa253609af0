/**
 * What a report of a machine with 2 GiB costs: the most memory that the host's process has during the export, over what it had before, and how long
 * the machine stands still. Linux; needs out/ (node build/build.mjs) and 5 GB of free memory.
 *
 *     node test/bench/report/run.mjs [MiB]
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const root = path.resolve(import.meta.dirname, '../../..');
const program = path.join(root, 'out/cli/vitrine.js');
const mebibytes = Number(process.argv[2] ?? 2048);
const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-report-bench-'));
const environment = { ...process.env, VITRINE_LIBRARY: path.join(folder, 'library') };

function vitrine(...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], { env: environment, encoding: 'utf8' });
  if (status !== 0) throw new Error(`vitrine ${words.join(' ')}: ${stderr}`);
  return stdout;
}

const field = (pid, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'mu').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN) / 1024;

const source = path.join(folder, 'filled.asm');
writeFileSync(source, `%define MEBIBYTES ${mebibytes}\n${readFileSync(path.join(import.meta.dirname, 'filled.asm'), 'utf8')}`);
const server = spawn(process.execPath, [program, 'serve', '--json'], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
const ended = new Promise((resolve) => server.once('close', resolve));
try {
  await new Promise((resolve) => server.stdout.once('data', resolve));
  vitrine('create', 'Filled', '--asm', source, '--memory', `${mebibytes}M`);
  vitrine('start', 'filled');
  const log = path.join(environment.VITRINE_LIBRARY, 'filled', 'serial.log');
  for (;;) {
    try {
      if (readFileSync(log, 'utf8').includes('!')) break;
    } catch {
      // It has said nothing yet.
    }
    await wait(200);
  }
  for (const ending of ['json', 'html', 'core']) {
    const file = path.join(folder, `report.${ending}`);
    await wait(1000);
    const before = field(server.pid, 'VmRSS');
    writeFileSync(`/proc/${server.pid}/clear_refs`, '5');
    const begun = performance.now();
    vitrine('report', 'filled', '-o', file);
    const seconds = (performance.now() - begun) / 1000;
    const most = field(server.pid, 'VmHWM');
    process.stdout.write(
      `${JSON.stringify({ ending, fileMiB: Math.round((statSync(file).size / 2 ** 20) * 10) / 10, seconds: Math.round(seconds * 100) / 100, beforeMiB: Math.round(before), mostMiB: Math.round(most), growthMiB: Math.round((most - before) * 10) / 10 })}\n`,
    );
  }
} finally {
  server.kill('SIGTERM');
  // It would suspend the machine first, which nobody wants here.
  await Promise.race([ended, wait(2000)]);
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
