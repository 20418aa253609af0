import { createRouter, createWebHashHistory, type Router } from 'vue-router';
import ConsoleView from '../features/console/ConsoleView.vue';
import LibraryView from '../features/library/LibraryView.vue';

/** Addresses are in the fragment, so that the app and any web server show the same page. */
export function createAppRouter(): Router {
  return createRouter({
    history: createWebHashHistory(),
    routes: [
      { path: '/', name: 'library', component: LibraryView },
      { path: '/console/:id', name: 'console', component: ConsoleView, props: true },
      { path: '/:rest(.*)*', redirect: '/' },
    ],
  });
}
