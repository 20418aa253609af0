// Runs before the first paint, as a classic script: sets the theme that was chosen last, or the system's.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem('vitrine.theme');
  } catch {
    // No storage: the system's theme.
  }
  const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
