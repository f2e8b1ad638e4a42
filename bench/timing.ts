/** Timing of procedures: enough repeats in one submission that the device's work outweighs the rest, minimum and median of several. */
import type { Program } from '../engine/program.js';

export interface Timing {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export interface TimingOptions {
  /** Wall time to spend on the samples. Default 400. */
  readonly milliseconds?: number;
  /** Default 5. */
  readonly samples?: number;
}

/** Milliseconds of one run of `procedure`; the first run warms up and is not counted. */
export async function timeProcedure(
  program: Program,
  procedure: string,
  options: TimingOptions = {},
): Promise<Timing> {
  const { milliseconds = 400, samples = 5 } = options;
  const run = async (times: number) => {
    const start = performance.now();
    await program.run([procedure, times]);
    return (performance.now() - start) / times;
  };
  await run(1);
  const once = await run(1);
  const times = Math.max(1, Math.min(1000, Math.round(milliseconds / samples / once)));
  return summary(await repeat(samples, () => run(times)));
}

/** Milliseconds of an asynchronous piece of work as a whole. */
export async function timeWork(work: () => Promise<unknown>, samples = 3): Promise<Timing> {
  return summary(
    await repeat(samples, async () => {
      const start = performance.now();
      await work();
      return performance.now() - start;
    }),
  );
}

async function repeat(count: number, sample: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let i = 0; i < count; i++) values.push(await sample());
  return values;
}

/** Of at least one value. */
export function summary(values: readonly number[]): Timing {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]!, max: sorted.at(-1)! };
}
