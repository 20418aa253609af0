/** What is between a display server and its viewer. */
export type Link = 'same-host' | 'network';

/** A request header by which a proxy says that its viewer may be on another host. No page can set it, and none gains by it. */
export const linkHeader = 'x-vitrine-link';

/** The display server listens on loopback, so a viewer is on the same host unless a proxy says otherwise. */
export function linkOf(header: string | string[] | undefined): Link {
  return header === 'network' ? 'network' : 'same-host';
}
