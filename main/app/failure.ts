const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '');

/** The page that says why the app could not start. Without script, so that it works when nothing else does. */
export function failurePage(sentence: string, logFile: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Vitrine could not start</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 14px/1.5 system-ui, sans-serif; margin: 48px; }
  h1 { font-size: 20px; }
  p { white-space: pre-line; overflow-wrap: anywhere; }
  code { font-size: 12px; }
</style>
<h1>Vitrine could not start</h1>
<p>${escape(sentence)}</p>
<p>Details are in <code>${escape(logFile)}</code>.</p>
</html>
`;
}
