/** Everything that the page shows, as signals; who changes what is in actions.ts. */
import { computed, signal } from '@preact/signals';
import { methodNamed } from '../attack/methods/index.js';
import type { SettingRow } from '../attack/settings/rows.js';
import type { Image } from '../data/rgb.js';
import type { AdapterSummary } from '../engine/adapter.js';
import type {
  AttackFrame,
  Explained,
  LaneId,
  LeaderboardRow,
  NetFacts,
  Outcome,
  Subject,
} from './protocol.js';

/** What is asked of one of the two attacks; values as the visitor typed them. */
export interface LaneRequest {
  readonly method: string;
  /** Those that differ from the method's own defaults. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What is seen of it. */
export interface LaneState {
  readonly status: 'idle' | 'compiling' | 'running' | 'paused' | 'stopped' | 'done' | 'failed';
  readonly total: number;
  readonly explained: Explained | undefined;
  readonly frames: readonly AttackFrame[];
  readonly outcome: Outcome | undefined;
  /** The frame that is shown; undefined: the latest. */
  readonly shown: number | undefined;
  readonly error: string | undefined;
}

export const IDLE: LaneState = {
  status: 'idle',
  total: 0,
  explained: undefined,
  frames: [],
  outcome: undefined,
  shown: undefined,
  error: undefined,
};

/** An image to attack, and where it comes from. */
export interface Picture {
  readonly image: Image;
  readonly name: string;
  /** Class by name, where it is known. */
  readonly className: string | null;
  /** Place in the sample; undefined for the visitor's own. */
  readonly index: number | undefined;
}

export const adapter = signal<AdapterSummary | undefined>(undefined);
export const deviceFailure = signal<string | undefined>(undefined);
export const tested = signal<boolean | undefined>(undefined);

/** The net that is chosen: a registered name, or the name of the visitor's file. */
export const netName = signal('');
export const netFile = signal<File | undefined>(undefined);
export const net = signal<NetFacts | undefined>(undefined);
export const netProgress = signal<{ done: number; total: number | undefined } | undefined>(undefined);
export const netError = signal<string | undefined>(undefined);

export const sample = signal<readonly Picture[]>([]);
export const picture = signal<Picture | undefined>(undefined);
export const explained = signal<Explained | undefined>(undefined);
export const imageError = signal<string | undefined>(undefined);

export const requests = signal<readonly [LaneRequest, LaneRequest | undefined]>([
  { method: 'cfr', settings: {} },
  undefined,
]);
export const lanes = signal<readonly [LaneState, LaneState]>([IDLE, IDLE]);

/** Undefined: the largest that fits. */
export const amplification = signal<number | undefined>(undefined);
export const heat = signal(0.6);

export const leaderboard = signal<readonly LeaderboardRow[]>([]);
export const leaderboardLeft = signal<number | undefined>(undefined);
export const leaderboardError = signal<string | undefined>(undefined);
export const budget = signal(60);

export const ready = computed(() => net.value !== undefined && picture.value !== undefined);

/** What is attacked, in the classes of the net. */
export const subject = computed<Subject | undefined>(() => {
  const [shown, used] = [picture.value, net.value];
  if (!shown || !used) return undefined;
  const label = shown.className === null ? -1 : used.labels.indexOf(shown.className);
  return { image: shown.image, label: label < 0 ? null : label, index: shown.index ?? 0 };
});

/** Texts to values: what is no value is left for the method to refuse. */
export function optionsOf({ method, settings }: LaneRequest): Record<string, unknown> & { method: string } {
  const { table } = methodNamed(method);
  const parsed = Object.entries(settings).map(([name, text]) => [
    name,
    (table[name] as SettingRow).parse(text),
  ]);
  return { method, ...Object.fromEntries(parsed) };
}

export function lane(id: LaneId): LaneState {
  return lanes.value[id];
}

export function changeLane(id: LaneId, change: Partial<LaneState>): void {
  const next: [LaneState, LaneState] = [...lanes.value];
  next[id] = { ...next[id], ...change };
  lanes.value = next;
}

/** The frame on show: the chosen one, else the result, else the latest. */
export function shownFrame({ frames, outcome, shown }: LaneState): AttackFrame | undefined {
  if (shown !== undefined) return frames[shown] ?? outcome?.frame;
  return outcome?.frame ?? frames.at(-1);
}
