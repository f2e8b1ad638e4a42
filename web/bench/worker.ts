/** Every kernel on the visitor's GPU: first its numbers against references in double precision, then its time. */
import { measureCeilings } from '../../bench/ceilings.js';
import { benchKernel, kernelCases } from '../../bench/kernels.js';
import { benchModel, traceSteps } from '../../bench/nets.js';
import type { KernelRecord } from '../../bench/records.js';
import { createEngine, type Engine } from '../../engine/engine.js';
import { sampleCases } from '../../test/reference/cases.js';
import { type ReferenceName, references } from '../../test/reference/references.js';
import { checkOp } from '../../test/support/op-check.js';
import type { BenchAsk, BenchSay, Failure } from './protocol.js';

const BATCH = 8;
const say = (message: BenchSay) => postMessage(message);

addEventListener('message', ({ data }: MessageEvent<BenchAsk>) => {
  start(data.nets).catch((error: Error) => say({ kind: 'error', message: error.message }));
});

async function start(nets: readonly string[]): Promise<void> {
  const engine = await createEngine();
  try {
    say({ kind: 'adapter', adapter: engine.adapter });
    const failures: Failure[] = [];
    const fail = (what: string, error: unknown) => {
      const failure = { what, message: (error as Error).message.slice(0, 600) };
      failures.push(failure);
      say({ kind: 'failure', failure });
    };
    const tested = await testOps(engine, fail);
    const ceilings = await measureCeilings(engine);
    say({ kind: 'ceilings', ...ceilings });
    const records: KernelRecord[] = [];
    const cases = kernelCases(
      engine,
      nets.map((name) => traceSteps(benchModel(name), BATCH).graph),
    );
    for (const [done, step] of cases.entries()) {
      const what = `${step.op} [${step.output.shape.join(', ')}]`;
      say({ kind: 'at', stage: 'time', done, total: cases.length, what });
      try {
        const some = await benchKernel(engine, step, ceilings, {
          allVariants: true,
          choose: () => undefined,
        });
        records.push(...some);
        say({ kind: 'records', records: some });
      } catch (error) {
        engine.check();
        fail(what, error);
      }
    }
    const { name, driver, software } = engine.adapter;
    const { device } = engine;
    say({
      kind: 'done',
      report: {
        adapter: name,
        driver,
        software,
        date: new Date().toISOString().slice(0, 10),
        userAgent: navigator.userAgent,
        features: [...device.features].sort(),
        limits: { ...engine.traits.limits },
        ceilings,
        records,
        tests: { passed: tested - failures.length, failures },
      },
    });
  } finally {
    engine.close();
  }
}

/** @returns how many cases there were */
async function testOps(engine: Engine, fail: (what: string, error: unknown) => void): Promise<number> {
  const all = (Object.keys(references) as ReferenceName[]).flatMap((op) =>
    sampleCases[op].map((sample, seed) => ({ op, sample, seed })),
  );
  for (const [done, { op, sample, seed }] of all.entries()) {
    const what = `${op} ${sample.label}`;
    if (done % 10 === 0) say({ kind: 'at', stage: 'test', done, total: all.length, what });
    try {
      await checkOp(engine, op, sample as never, seed + 1);
    } catch (error) {
      // A device that is gone fails everything after it: one error will do.
      engine.check();
      fail(what, error);
    }
  }
  return all.length;
}
