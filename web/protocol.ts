/** What the page and its Worker say to each other. */
import type { AttackOptions } from '../attack/driver.js';
import type { Measures } from '../attack/measures.js';
import type { ExplainSettings, Norm } from '../attack/settings/common.js';
import type { AttackSettings } from '../attack/traits.js';
import type { Image } from '../data/rgb.js';
import type { AdapterSummary } from '../engine/adapter.js';

/** One of two attacks that can run beside each other. */
export type LaneId = 0 | 1;

/** What is attacked. */
export interface Subject {
  readonly image: Image;
  /** The true class of the net's; null: what the net predicts. */
  readonly label: number | null;
  /** Its place in the data set: with the seed it fixes the random numbers, as at the command line. */
  readonly index: number;
}

export type Ask =
  | { readonly kind: 'open'; readonly net: NetChoice }
  | { readonly kind: 'net'; readonly net: NetChoice }
  | { readonly kind: 'stop-net' }
  | {
      readonly kind: 'explain';
      readonly id: number;
      readonly subject: Subject;
      readonly settings: Partial<ExplainSettings>;
    }
  | {
      readonly kind: 'attack';
      readonly lane: LaneId;
      readonly subject: Subject;
      readonly options: AttackOptions;
    }
  | { readonly kind: 'pause' | 'resume' | 'step' | 'stop'; readonly lane: LaneId }
  | {
      readonly kind: 'leaderboard';
      readonly subject: Subject;
      readonly budget: number;
      readonly options: AttackOptions;
    }
  | { readonly kind: 'stop-leaderboard' };

export type NetChoice =
  | { readonly name: string; readonly url: string; readonly sha256: string }
  | { readonly file: File };

/** A net as the page shows it. */
export interface NetFacts {
  readonly name: string;
  readonly arch: string;
  readonly classes: number;
  readonly labels: readonly string[];
  readonly height: number;
  readonly width: number;
  readonly assumptions: readonly string[];
}

/** Of the clean image. */
export interface Explained {
  /** As the net sees it. */
  readonly original: Image;
  readonly label: number;
  readonly labelled: boolean;
  /** [h, w] in [0, 1] */
  readonly cam: Float32Array;
  /** [h, w]: where the attack may work, and how strongly. */
  readonly mask: Float32Array;
  readonly cfr: 'ok' | 'empty';
  readonly cfrPixels: number;
  /** Softmax [classes]. */
  readonly confidences: Float64Array;
}

/** Where an attack is. */
export interface AttackFrame {
  readonly step: number;
  /** As a PNG would keep it: RGB. */
  readonly pixels: Uint8Array;
  readonly confidences: Float64Array;
  readonly loss: number | null;
  readonly measures: Measures;
  /** The net is wrong on these pixels, or takes them for the target. */
  readonly fools: boolean;
}

export interface Outcome {
  readonly settings: AttackSettings;
  /** What is saved: the best that was found. Its step is that of the search that found it. */
  readonly frame: AttackFrame;
  readonly success: boolean;
  readonly correct: boolean;
  readonly forwards: number;
  readonly backwards: number;
  readonly milliseconds: number;
}

export interface LeaderboardRow {
  readonly method: string;
  readonly norm: Norm;
  /** Null: the method cannot be brought within the budget, or refuses these settings; `why` says so. */
  readonly outcome:
    | (Measures & { success: boolean; class: number; propagations: number; milliseconds: number })
    | null;
  readonly why?: string;
}

export type About = 'device' | 'net' | 'image' | 'leaderboard' | LaneId;

export type Say =
  | { readonly kind: 'adapter'; readonly adapter: AdapterSummary }
  | { readonly kind: 'tested'; readonly passed: boolean }
  | { readonly kind: 'progress'; readonly done: number; readonly total: number | undefined }
  | { readonly kind: 'net'; readonly net: NetFacts }
  | { readonly kind: 'explained'; readonly id: number; readonly explained: Explained }
  | { readonly kind: 'started'; readonly lane: LaneId; readonly total: number; readonly explained: Explained }
  | { readonly kind: 'frame'; readonly lane: LaneId; readonly frame: AttackFrame }
  | { readonly kind: 'finished'; readonly lane: LaneId; readonly outcome: Outcome | null }
  | { readonly kind: 'row'; readonly row: LeaderboardRow; readonly left: number }
  | { readonly kind: 'ranked' }
  | { readonly kind: 'error'; readonly about: About; readonly message: string };
