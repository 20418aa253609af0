/** Figures from measured rounds, and the page that shows them. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT } from '../../build/prepare.mjs';
import { median } from './page.mjs';

/** The goal: geometric mean of the ratios, and the least ratio of a row. */
const GOAL_MEAN = 3;
const GOAL_ROW = 2;

/** `rounds[r][row]` is [ours, peer], each `{ seconds, instructions? }`. */
export function summarize(rows, rounds) {
  const summaries = rows.map(({ name, aside = false }, index) => {
    const ours = rounds.map((round) => round[index][0].seconds);
    const peer = rounds.map((round) => round[index][1].seconds);
    const ratios = rounds.map((round) => round[index][1].seconds / round[index][0].seconds);
    return {
      name,
      aside,
      ours: { median: median(ours), least: Math.min(...ours), most: Math.max(...ours) },
      peer: { median: median(peer), least: Math.min(...peer), most: Math.max(...peer) },
      millionsPerSecond: median(rounds.map((round) => round[index][0].instructions)) / median(ours) / 1e6,
      ratio: median(peer) / median(ours),
      ratios: { least: Math.min(...ratios), most: Math.max(...ratios) },
    };
  });
  const counted = summaries.filter(({ aside }) => !aside);
  const mean = Math.exp(counted.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / counted.length);
  return { rows: summaries, mean, reached: mean >= GOAL_MEAN && counted.every(({ ratio }) => ratio >= GOAL_ROW) };
}

/** What was measured on what. */
export function versions(electron) {
  const asked = spawnSync(electron, ['-p', 'JSON.stringify(process.versions)'], {
    encoding: 'utf8',
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
  });
  if (asked.status !== 0)
    throw new Error(`Electron's Node could not be asked for its version: ${asked.error?.message ?? asked.stderr}`);
  const { node, v8, electron: release } = JSON.parse(asked.stdout);
  const v86 = JSON.parse(readFileSync(path.join(ROOT, 'node_modules/v86/package.json'), 'utf8')).version;
  return {
    node,
    v8,
    electron: release,
    v86,
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cpus: os.cpus().length,
    load: os.loadavg()[0],
  };
}

const number = (value, digits) => value.toFixed(digits);
const range = ({ least, most }, digits) => `${number(least, digits)}–${number(most, digits)}`;

function table(rows) {
  return [
    '| row | ours, s | v86, s | ratio | ours, million instructions/s |',
    '|---|---:|---:|---:|---:|',
    ...rows.map(
      ({ name, ours, peer, ratio, ratios, millionsPerSecond }) =>
        `| ${name} | ${number(ours.median, 3)} (${range(ours, 3)}) | ${number(peer.median, 3)} (${range(peer, 3)}) | **${number(ratio, 2)}** (${range(ratios, 2)}) | ${number(millionsPerSecond, 0)} |`,
    ),
  ].join('\n');
}

export function report({ rows, mean, reached }, { rounds, command, node, v8, electron, v86, cpu, cpus, load }) {
  return `## Instructions

This section is written by \`${command}\`; \`npm run bench\` does the same.

Our interpreter against that of v86 (its JIT disabled), both in Electron's Node, on the same guest: \`test/bench/guest.asm\`, a Multiboot
kernel that switches paging on (4 KiB pages) and does fixed work on command. Each row's result is compared between the two.

${table(rows.filter(({ aside }) => !aside))}

Geometric mean of the ratios: **${number(mean, 2)}**. Goal: at least ${GOAL_MEAN}, no row below ${GOAL_ROW}; ${reached ? 'reached' : '**missed**'}.

Times are medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, with least and most in brackets; the ratio is that of the medians, its bracket the least and most of
a single round. In a round both sides start afresh, and each row runs on one and at once on the other, after a quarter of
its work has warmed both up; rounds take turns in which is first. The side that is not measured rests.

Layouts of memory that are hard on an engine which caches translations; they do not count in the mean:

${table(rows.filter(({ aside }) => aside))}

| | |
|---|---|
| date | ${new Date().toISOString().slice(0, 10)} |
| CPU | ${cpu}, ${cpus} visible, load average ${number(load, 1)} at the end |
| Electron | ${electron} (Node ${node}, V8 ${v8}) |
| v86 | ${v86} |
`;
}
