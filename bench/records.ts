/** What the benchmark writes, as the `records` of its JSON. Times in milliseconds. */
import type { Timing } from './timing.js';

export interface KernelRecord {
  readonly kind: 'kernel';
  readonly op: string;
  /** Operands and attributes, e.g. `8x64x32x32 64x64x3x3 s1 p1`. */
  readonly shape: string;
  readonly variant: string;
  readonly ms: Timing;
  /** By the op's own count: Winograd may exceed the ceiling. */
  readonly gflops: number;
  readonly gbs: number;
  /** Of the ceiling that binds: multiply-adds or copy, whichever is nearer. */
  readonly share: number;
}

export interface StepRecord {
  readonly kind: 'step';
  readonly net: string;
  readonly batch: number;
  readonly mode: 'forward' | 'gradient';
  readonly msPerImage: Timing;
  readonly gflops: number;
  /** Device memory by use, in bytes: the peak, since everything is allocated before the first run. */
  readonly memory: { readonly constants: number; readonly temporaries: number; readonly state: number };
}

export interface AttackRecord {
  readonly kind: 'attack';
  readonly net: string;
  readonly batch: number;
  readonly iterations: number;
  readonly imagesPerSecond: Timing;
  /** Share of a step's kernel time outside of the net: loss, verdict, update. Absent without timestamps. */
  readonly overhead?: number;
  /**
   * Share of an attack's wall time before its first dispatch or after its last: uploads, submission, readback. Absent without
   * timestamps.
   */
  readonly idle?: number;
}

/** Training steps as `cfr train` does them. */
export interface TrainRecord {
  readonly kind: 'train';
  readonly net: string;
  readonly batch: number;
  readonly imagesPerSecond: Timing;
}

/** Warm start of `cfr attack`, in milliseconds since the process began. */
export interface StartRecord {
  readonly kind: 'start';
  readonly net: string;
  readonly batch: number;
  /** Until the attack is compiled and the device has passed its self-test. */
  readonly readyMs: Timing;
  /** Until the explanation, one step and their results are done. */
  readonly firstStepMs: Timing;
}

export type BenchRecord = KernelRecord | StepRecord | AttackRecord | TrainRecord | StartRecord;

export interface BenchReport {
  readonly adapter: string;
  readonly driver: string;
  readonly software: boolean;
  readonly date: string;
  readonly ceilings: { readonly fmaGflops: number; readonly copyGBs: number };
  readonly records: readonly BenchRecord[];
}
