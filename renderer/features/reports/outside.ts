/** Attributes by which a page asks for something. */
const ASKING = ['src', 'srcset', 'href', 'data', 'poster', 'action', 'background', 'xlink:href'];

/** Whether a page asks for anything that is not in it: fetches, links to elsewhere, scripts, styles that import. */
export function reachesOutside(html: string): boolean {
  const page = new DOMParser().parseFromString(html, 'text/html');
  if (page.querySelector('script, iframe, object, embed, base, link') !== null) return true;
  for (const style of page.querySelectorAll('style')) {
    if (/@import|url\(/iu.test(style.textContent ?? '')) return true;
  }
  for (const element of page.querySelectorAll('*')) {
    for (const name of ASKING) {
      const value = element.getAttribute(name);
      if (value !== null && !value.startsWith('#') && !value.startsWith('data:image/png;base64,')) return true;
    }
    if (/url\(/iu.test(element.getAttribute('style') ?? '')) return true;
  }
  return false;
}
