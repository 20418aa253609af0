/** What the vCPUs of one machine did, a sample a second, for as long as its workbench is open. */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import type { MachineStatisticsMessage } from '../../../main/contract/machine.ts';
import { errorCode, sentence } from '../../host/failure.ts';
import { sharedFeed } from '../../host/shared-feed.ts';
import { MOST_SAMPLES, samplesBetween, type VcpuSample } from './vcpu-figures.ts';

export interface VcpuFeed {
  /** Of each second in which the machine ran, newest last; of each vCPU. Replaced at each. */
  samples: ShallowRef<readonly (readonly VcpuSample[])[]>;
  /** Why there is none; empty while the machine is off. */
  failure: Ref<string>;
}

const PERIOD = 1000;

function open(host: HostClient, id: string): VcpuFeed {
  const samples = shallowRef<readonly (readonly VcpuSample[])[]>([]);
  const failure = ref('');
  let before: MachineStatisticsMessage | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;

  async function look(): Promise<void> {
    try {
      const now = await host.machines.statistics({ id });
      failure.value = '';
      // Counters that went back are those of a later run.
      if (before && now.seconds < before.seconds) samples.value = [];
      const between = before && samplesBetween(before, now);
      if (between) samples.value = [...samples.value, between].slice(-MOST_SAMPLES);
      before = now;
    } catch (error) {
      before = undefined;
      const isOff = errorCode(error) === 'WRONG_STATE';
      failure.value = isOff ? '' : sentence(error);
      if (isOff && samples.value.length > 0) samples.value = [];
    }
    if (!ended) timer = setTimeout(() => void look(), PERIOD);
  }
  void look();
  onScopeDispose(() => {
    ended = true;
    clearTimeout(timer);
  });
  return { samples, failure };
}

/** The feed of a machine, which lives as long as a component uses it. */
export const useVcpuFeed = sharedFeed(open);
