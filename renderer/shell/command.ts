/** Something that can be done now, found by its name in the command field. */
export interface Command {
  title: string;
  hint?: string;
  /** Its own key, if it has one. */
  keys?: string;
  run(): void;
}

/** Those whose title has every word of the query; titles that begin with it come first. */
export function findCommands(commands: readonly Command[], query: string): Command[] {
  const text = query.trim().toLowerCase();
  const words = text.split(/\s+/);
  return commands
    .filter(({ title }) => words.every((word) => title.toLowerCase().includes(word)))
    .sort((a, b) => Number(b.title.toLowerCase().startsWith(text)) - Number(a.title.toLowerCase().startsWith(text)));
}
