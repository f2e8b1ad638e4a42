/** What the page of benchmarks and its Worker say to each other. */
import type { BenchReport, KernelRecord } from '../../bench/records.js';
import type { AdapterSummary } from '../../engine/adapter.js';

export type BenchAsk = { readonly kind: 'start'; readonly nets: readonly string[] };

/** A case that gave other numbers than its reference, or none. */
export interface Failure {
  readonly what: string;
  readonly message: string;
}

/** What is sent in: the records of `cfr bench --json`, and how the tests went. */
export interface PageReport extends BenchReport {
  readonly userAgent: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly tests: { readonly passed: number; readonly failures: readonly Failure[] };
}

export type BenchSay =
  | { readonly kind: 'adapter'; readonly adapter: AdapterSummary }
  | {
      readonly kind: 'at';
      readonly stage: 'test' | 'time';
      readonly done: number;
      readonly total: number;
      readonly what: string;
    }
  | { readonly kind: 'failure'; readonly failure: Failure }
  | { readonly kind: 'ceilings'; readonly fmaGflops: number; readonly copyGBs: number }
  | { readonly kind: 'records'; readonly records: readonly KernelRecord[] }
  | { readonly kind: 'done'; readonly report: PageReport }
  | { readonly kind: 'error'; readonly message: string };
