import type { HostClient } from '../../../main/contract/contract.ts';
import { sentence } from '../../host/failure.ts';
import type { DebugFeed } from './debug-feed.ts';

/** Changes a register of the vCPU that is looked at. Resolves to a sentence when it was refused; the new value comes by the feed. */
export function useRegisterEdit(host: HostClient, id: () => string, feed: DebugFeed) {
  return async (name: string, value: bigint): Promise<string> => {
    try {
      await host.debug.setRegister({ id: id(), cpu: feed.vcpu.value, name, value });
      return '';
    } catch (error) {
      return sentence(error);
    }
  };
}
