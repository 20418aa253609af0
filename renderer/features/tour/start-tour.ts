import { useRouter } from 'vue-router';
import { useHost } from '../../host/client.ts';
import { useLibrary } from '../../stores/library.ts';
import { useNotices } from '../../stores/notices.ts';
import { TOUR_NAME, TOUR_PROGRAM } from './tour-steps.ts';
import { useTour } from './tour.ts';

/** Makes the tour's machine and goes to its sources. Only within a component's set-up. */
export function useStartTour(): () => Promise<void> {
  const host = useHost();
  const router = useRouter();
  const library = useLibrary();
  const notices = useNotices();
  const tour = useTour();
  return async () => {
    try {
      const made = await host.library.create({
        name: TOUR_NAME,
        note: 'The machine of the tour. It may be deleted.',
        source: { kind: 'assembly-text', text: TOUR_PROGRAM },
      });
      library.put(made);
      tour.begin(made.id);
      await router.push({ name: 'workbench', params: { id: made.id }, query: { panel: 'editor' } });
    } catch (error) {
      notices.failure('The tour did not begin', error);
    }
  };
}
