import { useRouter } from 'vue-router';
import { useHost } from '../../host/client.ts';
import { useApplication } from '../../stores/application.ts';
import { useNotices } from '../../stores/notices.ts';

/** Opens the window of an output of a machine, or brings it to the front; in a browser it is a tab. */
export function useOutputWindow(id: string): (output: number) => Promise<void> {
  const host = useHost();
  const router = useRouter();
  const application = useApplication();
  const notices = useNotices();
  return async (output) => {
    try {
      if (application.about?.desktop) await host.desktop.openConsole({ id, output });
      else window.open(router.resolve({ name: 'console', params: { id }, query: { output } }).href, '_blank', 'noopener');
    } catch (error) {
      notices.failure(`Output ${output} was not opened`, error);
    }
  };
}
