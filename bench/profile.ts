/** Time per dispatch of a step, grouped by op and kernel, and as a trace that Perfetto and chrome://tracing open. */
import type { ProfileRow } from '../engine/program.js';

export interface ProfileGroup {
  readonly label: string;
  readonly calls: number;
  readonly ms: number;
  /** Of the whole step. */
  readonly share: number;
  readonly gflops: number;
}

/** Rows of one label together, slowest first. */
export function groupProfile(rows: readonly ProfileRow[]): ProfileGroup[] {
  const total = rows.reduce((sum, { duration }) => sum + duration, 0);
  const groups = new Map<string, { calls: number; ns: number; flops: number }>();
  for (const { label, duration, flops } of rows) {
    const group = groups.get(label) ?? { calls: 0, ns: 0, flops: 0 };
    groups.set(label, { calls: group.calls + 1, ns: group.ns + duration, flops: group.flops + flops });
  }
  return [...groups]
    .map(([label, { calls, ns, flops }]) => ({
      label,
      calls,
      ms: ns / 1e6,
      share: ns / total,
      gflops: ns > 0 ? flops / ns : 0,
    }))
    .sort((a, b) => b.ms - a.ms);
}

/** The Trace Event Format (complete events, microseconds): one track, one slice per dispatch. */
export function traceEvents(title: string, rows: readonly ProfileRow[]): string {
  const events = rows.map(({ label, op, start, duration, flops }) => ({
    name: label,
    cat: op,
    ph: 'X',
    ts: start / 1000,
    dur: duration / 1000,
    pid: 1,
    tid: 1,
    args: { flops, gflops: duration > 0 ? flops / duration : 0 },
  }));
  const name = { name: 'process_name', ph: 'M', pid: 1, tid: 1, args: { name: title } };
  return JSON.stringify({ traceEvents: [name, ...events], displayTimeUnit: 'ms' });
}
