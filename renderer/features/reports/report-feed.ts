/** What the panels of a machine's report share: the report that was taken, its texts, and what is being saved. */
import { computed, onScopeDispose, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import type { ReportFormat, TakenReport } from '../../../main/contract/reports.ts';
import { errorCode, sentence } from '../../host/failure.ts';
import { sharedFeed } from '../../host/shared-feed.ts';
import { reachesOutside } from './outside.ts';

export type TextFormat = Exclude<ReportFormat, 'core'>;
export const TEXT_FORMATS = ['json', 'html', 'markdown'] as const satisfies readonly TextFormat[];

export interface SavedFile {
  format: ReportFormat;
  path: string;
  bytes: number;
}

export interface ReportFeed {
  taken: ShallowRef<TakenReport | undefined>;
  /** Of the report that was taken, with the notes and without what is left out. */
  texts: ShallowRef<Readonly<Record<TextFormat, string>> | undefined>;
  /** A report is being taken. */
  busy: Ref<boolean>;
  /** Why there is none, or why it has no texts. */
  failure: Ref<string>;
  redact: Ref<boolean>;
  notes: Ref<string>;
  formats: Ref<ReportFormat[]>;
  /** True if the page asks for something from elsewhere; undefined while there is none. */
  outside: ComputedRef<boolean | undefined>;
  /** The section that a person wants to see; a new object with each wish. */
  wanted: ShallowRef<{ section: string } | undefined>;
  /** Counts wishes to print the page. */
  printing: Ref<number>;
  /** What has happened that a report is made for; empty: nothing. */
  occasion: Ref<'' | 'a triple fault' | 'a guard alert'>;
  saving: Ref<boolean>;
  saved: ShallowRef<readonly SavedFile[]>;
  saveFailure: Ref<string>;
  take(): Promise<void>;
  /** Takes the texts anew: the notes or the redaction are others now. */
  render(): Promise<void>;
  /** Writes the chosen formats into a folder of the host. */
  save(folder: string): Promise<void>;
  cancel(): void;
}

/** How long a person types before the texts follow the notes. */
const NOTES_PAUSE = 500;

function open(host: HostClient, id: string): ReportFeed {
  const taken = shallowRef<TakenReport>();
  const texts = shallowRef<Readonly<Record<TextFormat, string>>>();
  const feed: ReportFeed = {
    taken,
    texts,
    busy: ref(false),
    failure: ref(''),
    redact: ref(false),
    notes: ref(''),
    formats: ref<ReportFormat[]>(['json', 'html']),
    outside: computed(() => (texts.value === undefined ? undefined : reachesOutside(texts.value.html))),
    wanted: shallowRef<{ section: string }>(),
    printing: ref(0),
    occasion: ref<ReportFeed['occasion']['value']>(''),
    saving: ref(false),
    saved: shallowRef<readonly SavedFile[]>([]),
    saveFailure: ref(''),
    take,
    render,
    save,
    cancel: () => saving?.abort(),
  };
  const stop = new AbortController();
  let round = 0;
  let saving: AbortController | undefined;
  let later: ReturnType<typeof setTimeout> | undefined;

  async function take(): Promise<void> {
    if (feed.busy.value) return;
    feed.busy.value = true;
    feed.failure.value = '';
    try {
      taken.value = await host.reports.take({ id });
      feed.occasion.value = '';
      feed.saved.value = [];
      await render();
    } catch (error) {
      feed.failure.value = sentence(error);
    } finally {
      feed.busy.value = false;
    }
  }

  async function render(): Promise<void> {
    const capture = taken.value?.capture;
    if (capture === undefined) return;
    clearTimeout(later);
    const mine = ++round;
    const wording = { id, capture, redact: feed.redact.value, notes: feed.notes.value };
    try {
      const all = await Promise.all(TEXT_FORMATS.map((format) => host.reports.render({ ...wording, format })));
      if (mine !== round) return;
      const [json, html, markdown] = all.map(({ text }) => text);
      texts.value = { json: json ?? '', html: html ?? '', markdown: markdown ?? '' };
      feed.failure.value = '';
    } catch (error) {
      if (mine === round) feed.failure.value = sentence(error);
    }
  }

  async function save(folder: string): Promise<void> {
    if (feed.saving.value) return;
    saving = new AbortController();
    feed.saving.value = true;
    feed.saved.value = [];
    feed.saveFailure.value = '';
    try {
      const { files } = await host.reports.save(
        {
          id,
          ...(taken.value === undefined ? {} : { capture: taken.value.capture }),
          place: { kind: 'folder', path: folder },
          formats: feed.formats.value,
          redact: feed.redact.value,
          notes: feed.notes.value,
        },
        { signal: saving.signal },
      );
      feed.saved.value = files;
    } catch (error) {
      const isCancelled = saving.signal.aborted || errorCode(error) === 'CANCELLED';
      feed.saveFailure.value = isCancelled ? 'Cancelled; nothing of it is left.' : sentence(error);
    } finally {
      feed.saving.value = false;
      saving = undefined;
    }
  }

  watch(feed.redact, (isRedacted) => {
    // A core is memory: there is none of a redacted report.
    if (isRedacted) feed.formats.value = feed.formats.value.filter((format) => format !== 'core');
    void render();
  });
  watch(feed.notes, () => {
    clearTimeout(later);
    later = setTimeout(() => void render(), NOTES_PAUSE);
  });

  /** A triple fault that was before, and each that comes; a new run begins without. */
  async function followFaults(): Promise<void> {
    const events = await host.machines.events({ id }, { signal: stop.signal });
    if ((await host.debug.tripleFault({ id })).length > 0) feed.occasion.value = 'a triple fault';
    for await (const event of events) {
      if (event.kind === 'tripleFault') feed.occasion.value = 'a triple fault';
      else if (event.kind === 'state' && event.state === 'off') feed.occasion.value = '';
    }
  }

  /** Alerts that were before are no occasion: there may have been a report of them. */
  async function followAlerts(): Promise<void> {
    for await (const alerts of await host.guard.watch({ id }, { signal: stop.signal })) {
      if (alerts.length > 0 && feed.occasion.value === '') feed.occasion.value = 'a guard alert';
    }
  }

  // Without these streams nothing is offered; that they ended is told by whatever else follows this machine.
  void followFaults().catch(() => undefined);
  void followAlerts().catch(() => undefined);
  onScopeDispose(() => {
    stop.abort();
    saving?.abort();
    clearTimeout(later);
  });
  return feed;
}

/** The feed of a machine, which lives as long as a component uses it. */
export const useReportFeed = sharedFeed(open);
