/** The program `vitrine`: plain Node, no Electron. */
import { join } from 'node:path';
import { nodeDisk } from '../host/disk.ts';
import { engineTools } from '../host/engine.ts';
import { assetsFolder, packageRoot, packageVersion, workerDirectory } from '../host/places.ts';
import { runCommandLine } from './program.ts';
import { processTerminal } from './terminal.ts';

// Whoever reads our output may go away (head, less); that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCommandLine(
  process.argv.slice(2),
  {
    engine: engineTools(),
    disk: nodeDisk,
    guests: join(assetsFolder(), 'guests'),
    workers: workerDirectory(),
    files: join(packageRoot(), 'out', 'renderer'),
    version: packageVersion(),
  },
  processTerminal(),
);
