/** What each key does, as it is shown by "?". Only keys that work. `release` stands for the release key of the settings. */
export interface KeyGroup {
  title: string;
  keys: readonly { keys: readonly string[]; what: string }[];
}

export const LIBRARY_KEYS: readonly KeyGroup[] = [
  {
    title: 'Everywhere',
    keys: [
      { keys: ['?'], what: 'This map' },
      { keys: ['Ctrl', 'K'], what: 'Go to a machine or command' },
      { keys: ['Ctrl', ','], what: 'Settings' },
      { keys: ['Esc'], what: 'Close what is open' },
    ],
  },
  {
    title: 'Workbench',
    keys: [
      { keys: ['Ctrl', '1…7'], what: 'A view' },
      { keys: ['F6'], what: 'Next group of panels; with Shift the one before' },
      { keys: ['← →'], what: 'Along the tabs of a group' },
      { keys: ['Ctrl', 'Shift', 'C'], what: 'Show the console in a window' },
    ],
  },
  {
    title: 'Debugger',
    keys: [
      { keys: ['F5'], what: 'Continue' },
      { keys: ['Ctrl', 'F5'], what: 'Pause' },
      { keys: ['F10'], what: 'Step over' },
      { keys: ['F11'], what: 'Step into; with Shift out' },
      { keys: ['F9'], what: 'Set or remove a breakpoint at the line' },
      { keys: ['Ctrl', 'F10'], what: 'Run to the line' },
      { keys: ['Ctrl', 'G'], what: 'In code and memory: go to an address or symbol' },
      { keys: ['F8'], what: 'Next alert of the guard; with Shift the one before' },
    ],
  },
  {
    title: 'Library',
    keys: [
      { keys: ['Ctrl', 'N'], what: 'New machine' },
      { keys: ['Ctrl', 'F'], what: 'Search' },
      { keys: ['← ↑ → ↓'], what: 'Select a machine' },
      { keys: ['Enter'], what: 'Start it and show its console' },
      { keys: ['Ctrl', 'Shift', 'C'], what: 'Show its console' },
      { keys: ['Ctrl', 'Shift', 'I'], what: 'Open its workbench' },
      { keys: ['F2'], what: 'Edit it' },
      { keys: ['Del'], what: 'Delete it; asks first' },
    ],
  },
];

export const CONSOLE_KEYS: readonly KeyGroup[] = [
  {
    title: 'Console, keys inside the guest',
    keys: [
      { keys: ['release'], what: 'Let the keyboard go' },
      { keys: ['release', 'F'], what: 'Full screen' },
      { keys: ['release', 'Del'], what: 'Send Ctrl Alt Del' },
      { keys: ['release', 'S'], what: 'Screenshot' },
    ],
  },
  { title: 'Console, keys outside', keys: [{ keys: ['Enter'], what: 'Send keys into the guest, when the screen has the focus' }] },
];

/** Whether a key press is "?" and not a character for a field. */
export function asksForMap(event: KeyboardEvent): boolean {
  if (event.key !== '?' || event.ctrlKey || event.metaKey || event.altKey) return false;
  const target = event.target instanceof Element ? event.target : undefined;
  return !target?.closest('input, textarea, select, [contenteditable], [role=dialog], [role=application], .xterm');
}
