import { createPinia } from 'pinia';
import { createApp } from 'vue';
import { z } from 'zod';
import App from './App.vue';
import { provideHost } from './host/client.ts';
import { connect } from './host/connect.ts';
import { sentence } from './host/failure.ts';
import { createAppRouter } from './shell/router.ts';
import StartFailure from './shell/StartFailure.vue';
import { useApplication } from './stores/application.ts';
import { useLibrary } from './stores/library.ts';
import { useNotices } from './stores/notices.ts';
import { useTasks } from './stores/tasks.ts';
import './theme/tokens.css';
import './theme/base.css';
import './theme/components.css';
import './theme/instruments.css';
import './theme/panels.css';
import './theme/controls.css';

// The page's policy forbids making functions of texts, which zod would try.
z.config({ jitless: true });

async function start(): Promise<void> {
  const { client, closed } = await connect();
  const app = createApp(App);
  app.use(createPinia());
  provideHost(app, client);
  const notices = app.runWithContext(() => useNotices());
  app.config.errorHandler = (error) => notices.failure('This window failed', error);
  await app.runWithContext(() => Promise.all([useApplication().start(), useLibrary().start(), useTasks().start()]));
  app.use(createAppRouter());
  app.mount('#app');
  void closed.then((why) => notices.failure('Nothing here is live any more', new Error(`${why} Open the window again.`)));
}

start().catch((error: unknown) => {
  createApp(StartFailure, { message: sentence(error) }).mount('#app');
});
