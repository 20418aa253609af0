/** What a browser without a session gets: it exchanges the token of the address's fragment for the session cookie, and nothing else. */
export const OPENING_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Vitrine</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 16px; }
</style>
<h1>Vitrine</h1>
<p id="message" role="status">Opening…</p>
<noscript><p>The library needs JavaScript.</p></noscript>
<script src="/open.js"></script>
</html>
`;

/** The page's script, a file of its own since the policy allows none inline. The token leaves the address before anything else happens. */
export const OPENING_SCRIPT = `'use strict';
(async () => {
  const message = document.getElementById('message');
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  history.replaceState(null, '', location.pathname + location.search);
  if (!token) {
    message.textContent = 'This library is locked. Open the whole address that "vitrine serve" printed; the part after # is the key.';
    return;
  }
  const answer = await fetch('/session', { method: 'POST', body: token });
  if (answer.ok) location.reload();
  else message.textContent = 'That key is not valid (any more). Open the address that "vitrine serve" printed last.';
})();
`;
