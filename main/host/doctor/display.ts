import { good, type Checker } from './checker.ts';

export const display: Checker = {
  id: 'display',
  category: 'host',
  title: 'Display',
  notApplicable: () => (process.platform === 'linux' ? undefined : 'This system always has one.'),
  check() {
    const { DISPLAY: x11, WAYLAND_DISPLAY: wayland } = process.env;
    if (x11 || wayland) return good(`The app’s windows open on ${wayland ?? x11}.`);
    return {
      outcome: 'warning',
      description: 'Neither DISPLAY nor WAYLAND_DISPLAY is set, so the app has nowhere to open windows.',
      fixes: ['vitrine serve gives the same windows to a browser; the command line needs no display.'],
    };
  },
};
