/**
 * The typed API between the host and its fronts. A router per domain; each payload is checked against its schema on the
 * host's side. A front makes its client as
 *
 *     const client: HostClient = createORPCClient(new RPCLink({ port, customJsonSerializers: serializers }))
 *
 * with the link of its transport: `@orpc/client/message-port` in the app, `@orpc/client/websocket` in a browser.
 */
import type { ContractRouterClient } from '@orpc/contract';
import { application, desktop } from './application.ts';
import { assembly } from './assembly.ts';
import { debug } from './debug.ts';
import { display } from './display.ts';
import { guard } from './guard.ts';
import { library } from './library.ts';
import { machines } from './machines.ts';
import { smm } from './smm.ts';
import { pairs } from './pairs.ts';
import { peek } from './peek.ts';
import { reports } from './reports.ts';
import { sources } from './sources.ts';
import { tasks } from './tasks.ts';

export const contract = { library, machines, debug, assembly, application, desktop, peek, tasks, smm, guard, display, sources, reports, pairs };

/** What a front calls. Errors are `ORPCError`s with a code of `errorMap` and a sentence. */
export type HostClient = ContractRouterClient<typeof contract>;

export { serializers } from './bytes.ts';
