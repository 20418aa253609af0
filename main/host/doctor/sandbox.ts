import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { good, type Checker, type Finding } from './checker.ts';
import { electronProgram, sandboxHelper } from './electron-program.ts';

/** What decides whether Chromium can put pages into a sandbox. */
export interface SandboxFacts {
  readonly isRoot: boolean;
  /** Whether a user namespace could be made; undefined where it could not be tried. */
  readonly namespaces: boolean | undefined;
  /** Why not, as far as the system's settings tell. */
  readonly forbidden: string | undefined;
  /** Chromium's helper, and whether it is root's and setuid; undefined where there is no app. */
  readonly helper: { readonly path: string; readonly isReady: boolean } | undefined;
}

function setting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Asks the system. */
export function sandboxFacts(): SandboxFacts {
  const forbidden =
    setting('user/max_user_namespaces') === '0'
      ? 'user.max_user_namespaces is 0'
      : setting('kernel/unprivileged_userns_clone') === '0'
        ? 'kernel.unprivileged_userns_clone is 0'
        : setting('kernel/apparmor_restrict_unprivileged_userns') === '1'
          ? 'AppArmor keeps user namespaces from programs that it has no profile for'
          : undefined;
  const trial = spawnSync('unshare', ['--user', 'true'], { timeout: 5000 });
  const program = electronProgram();
  return {
    isRoot: process.getuid?.() === 0,
    namespaces: trial.error ? undefined : trial.status === 0,
    forbidden,
    helper: program === undefined ? undefined : helperAt(sandboxHelper(program)),
  };
}

function helperAt(path: string): SandboxFacts['helper'] {
  try {
    const { uid, mode } = statSync(path);
    return { path, isReady: uid === 0 && (mode & 0o4111) === 0o4111 };
  } catch {
    return { path, isReady: false };
  }
}

/** What the facts mean for the app; the command line and `vitrine serve` need no sandbox of this kind. */
export function judgeSandbox({ isRoot, namespaces, forbidden, helper }: SandboxFacts): Finding {
  if (isRoot) {
    return {
      outcome: 'warning',
      description:
        'You are root, for whom Chromium has no sandbox: npm start runs the app without one, and an installed app does not start.',
      fixes: ['Run the app as an ordinary user.'],
    };
  }
  if (helper?.isReady === true) return good('Chromium’s helper is set up (setuid root), so pages are kept in its sandbox.');
  if (namespaces === true && forbidden === undefined)
    return good('User namespaces are allowed, so pages are kept in Chromium’s sandbox.');
  if (namespaces === undefined && forbidden === undefined) {
    return good(
      'Nothing in the system’s settings forbids user namespaces. Whether they work could not be tried (unshare is missing).',
    );
  }
  return {
    outcome: 'warning',
    description: `User namespaces cannot be made${forbidden === undefined ? '' : ` (${forbidden})`}, so Chromium has no sandbox, and the app does not start. The command line and vitrine serve do not need it.`,
    fixes: [
      ...(helper === undefined ? [] : [`sudo chown root:root '${helper.path}' && sudo chmod 4755 '${helper.path}'`]),
      ...(forbidden === 'user.max_user_namespaces is 0' ? ['sudo sysctl user.max_user_namespaces=15000'] : []),
      ...(forbidden === 'kernel.unprivileged_userns_clone is 0' ? ['sudo sysctl kernel.unprivileged_userns_clone=1'] : []),
    ],
  };
}

export const sandbox: Checker = {
  id: 'sandbox',
  category: 'host',
  title: 'Sandbox of the app',
  notApplicable: () => (process.platform === 'linux' ? undefined : 'This system’s sandbox needs nothing set up.'),
  check: () => judgeSandbox(sandboxFacts()),
};
