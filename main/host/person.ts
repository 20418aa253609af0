import { userInfo } from 'node:os';

/** Whose program this is: the account's name, or its number where the system knows no name for it, as in containers. */
export function accountName(lookUp: () => { username: string } = userInfo): string {
  try {
    return lookUp().username;
  } catch {
    return `user ${process.getuid?.() ?? 0}`;
  }
}
