import { createRouter, createWebHashHistory, type Router } from 'vue-router';
import ConsoleView from '../features/console/ConsoleView.vue';
import LibraryView from '../features/library/LibraryView.vue';

/** Addresses are in the fragment, so that the app and any web server show the same page. */
export function createAppRouter(): Router {
  return createRouter({
    history: createWebHashHistory(),
    routes: [
      { path: '/', name: 'library', component: LibraryView },
      {
        path: '/console/:id',
        name: 'console',
        component: ConsoleView,
        props: ({ params, query }) => ({ id: params['id'], output: /^[0-7]$/.test(String(query['output'])) ? Number(query['output']) : 0 }),
      },
      {
        path: '/machine/:id',
        name: 'workbench',
        // Apart from the first page: consoles and the library do not need the dock.
        component: () => import('../features/workbench/WorkbenchView.vue'),
        props: true,
      },
      { path: '/:rest(.*)*', redirect: '/' },
    ],
  });
}
