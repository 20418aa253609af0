/** Where a client on this computer reaches a server that listens there. */
export function attachPlace(host: string, port: number): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}

/** What to type or paste where, to attach to a machine's gdb server. */
export function attachLines(host: string, port: number): { gdb: string; vscode: string; ghidra: string; ida: string } {
  const place = attachPlace(host, port);
  const launch = {
    type: 'cppdbg',
    request: 'launch',
    name: 'Attach to Vitrine',
    MIMode: 'gdb',
    miDebuggerServerAddress: place,
    // Where the symbols are; the machine has the program already.
    program: '${workspaceFolder}/kernel.elf',
    cwd: '${workspaceFolder}',
    stopAtConnect: true,
  };
  return {
    gdb: `gdb -ex 'target remote ${place}'`,
    vscode: JSON.stringify(launch, undefined, 2),
    ghidra: `gdb (Debugger › Launch › gdb remote): host ${host}, port ${port}, architecture i386`,
    ida: `Debugger › Remote GDB debugger: hostname ${host}, port ${port}; configuration “x86”`,
  };
}
