/** What two-hosts.mjs needs of the tests' own: it is bundled, since Node runs no TypeScript. */
export { Etcd, hasEtcd } from '../../support/etcd.ts';
export { noNetwork, Triangle } from '../../support/network.ts';
