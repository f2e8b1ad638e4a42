/** What a method says of itself. */
import type { CommonSettings, Norm } from './settings/common.js';
import type { SettingsTable } from './settings/rows.js';

/**
 * `minimal`: the least perturbation that fools; `budget`: the most loss within a norm; `trade-off`: loss and norm weighed against each other;
 * `patch`: any change of a few pixels; `control`: no attack.
 */
export type Kind = 'minimal' | 'budget' | 'trade-off' | 'patch' | 'control';
/** `untargeted`: any wrong class; `targeted`: the class that the setting `target` names. */
export type Goal = 'untargeted' | 'targeted';

/** An attack's whole settings. Plain data: `settings` of summary.json as it is. */
export type AttackSettings = CommonSettings & Readonly<Record<string, number | string | boolean | undefined>>;

/** What an attack method says of itself, as data. */
export interface MethodTraits {
  /** What `method` names it by. */
  readonly name: string;
  /** In a few words, for lists. */
  readonly title: string;
  /** Author and year; paper, and where the authors' code differs, how. */
  readonly source: string;
  /** What it can be asked for. */
  readonly goals: readonly Goal[];
  /** The norms that it can hold or make small. */
  readonly norms: readonly Norm[];
  /** Reads no gradient: sees logits only. */
  readonly blackBox: boolean;
  /** What it aims at under these settings. */
  readonly kind: (settings: AttackSettings) => Kind;
  /** The norm that it holds or makes small. */
  readonly norm: (settings: AttackSettings) => Norm;
  /** Of all its settings, the common ones among them. */
  readonly table: SettingsTable;
  /** Places that it wants in the state of an image, for the constants `SLOT_...` of its kernels. */
  readonly slots: readonly string[];
  /** Images on which its settings say that nothing is to be done (no step, no size): they are given back as they are. */
  readonly idle: (settings: AttackSettings) => boolean;
}
