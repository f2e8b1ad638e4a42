/** `cfr bench`: ceilings, kernels, steps and attacks of this adapter; the tuner; the profile. */
import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { UserError } from '../../base/errors.js';
import { measureCeilings } from '../../bench/ceilings.js';
import { benchKernel, kernelCases } from '../../bench/kernels.js';
import { benchModel, DEFAULT_NETS, fillSteps, traceSteps } from '../../bench/nets.js';
import { groupProfile, traceEvents } from '../../bench/profile.js';
import type { BenchRecord, BenchReport } from '../../bench/records.js';
import { benchStart, shippedNet, startOnce } from '../../bench/start.js';
import { benchAttack, benchSteps } from '../../bench/steps.js';
import { benchTraining } from '../../bench/train.js';
import type { Engine } from '../../engine/engine.js';
import { adapterKey, chooseFrom, type TuningTable, tune } from '../../engine/tuner.js';
import { loadTuning, saveTuning } from '../../node/tuning.js';
import { fixed, formatTable, percent } from '../../report/table.js';
import type { Services } from '../../run/services.js';

const KINDS = ['kernel', 'step', 'attack', 'train', 'start'] as const;

interface Options {
  readonly json?: string;
  readonly only?: (typeof KINDS)[number];
  readonly net?: readonly string[];
  readonly batch: number;
  readonly iterations: number;
  readonly variants?: boolean;
  readonly tune?: boolean;
  readonly deterministic?: boolean;
  readonly profile?: string | true;
  readonly startOnce?: string;
}

export function registerBench(program: Command, services: Services): void {
  program
    .command('bench')
    .description(
      'What this adapter reaches: its ceilings, kernels, steps of nets, whole attacks, training, the start of the program.',
    )
    .option('--json <file>', 'write the records to this file, as JSON; stdout keeps the tables')
    .addOption(new Option('--only <kind>', 'one kind of record').choices(KINDS))
    .option(
      '--net <name...>',
      `nets to time: NAME, or NAME@224 for the ImageNet form (default: ${DEFAULT_NETS.join(', ')})`,
    )
    .option('--batch <n>', 'images at once', positive('--batch'), 8)
    .option('--iterations <n>', 'iterations of the timed attack', positive('--iterations'), 20)
    .option('--variants', 'time every variant of a kernel, not only the chosen one')
    .option('--tune', 'time the variants of every op of the nets and keep the fastest for later runs')
    .option('--deterministic', 'built-in choices only: the same kernels on every machine with this adapter')
    .option(
      '--profile [trace]',
      'time per dispatch, as a table and as a trace file for Perfetto (default: trace.json)',
    )
    // What --only start runs, in a process of its own.
    .addOption(new Option('--start-once <name>').hideHelp())
    .addHelpText(
      'after',
      `
Examples:
  cfr bench --only step --net resnet18 vgg16 --batch 8
  cfr bench --only train --net resnet20 --batch 128
  cfr bench --tune --net resnet18 --batch 64
  cfr bench --profile trace.json --net resnet18`,
    )
    .action((options: Options) => bench(options, services));
}

function positive(flag: string) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1)
      throw new UserError(`${flag}: expected an integer of at least 1, got "${text}"`);
    return value;
  };
}

async function bench(options: Options, services: Services): Promise<void> {
  if (options.startOnce !== undefined) return startOnce(options.startOnce, options.batch, services);
  const models = (options.net ?? DEFAULT_NETS).map(benchModel);
  const { createEngine } = await import('../../node/engine.js');
  const engine = await createEngine({ deterministic: true, log: (line) => services.console.note(line) });
  try {
    const folder = services.cacheFolder();
    let table = await loadTuning(folder, engine.adapter);
    const run: Run = { engine, options, services, models, table };
    services.console.say(`${adapterKey(engine.adapter)}${engine.adapter.software ? ' (CPU)' : ''}`);
    if (options.profile !== undefined) return await profile(run);
    if (options.tune) {
      table = await tuneNets(run);
      services.console.say(`tuned: ${await saveTuning(folder, engine.adapter, table)}`);
      return;
    }
    await measure(run);
  } finally {
    engine.close();
  }
}

interface Run {
  readonly engine: Engine;
  readonly options: Options;
  readonly services: Services;
  readonly models: readonly ReturnType<typeof benchModel>[];
  readonly table: TuningTable;
}

function choiceOf({ options, table }: Run) {
  return options.deterministic ? () => undefined : chooseFrom(table);
}

async function tuneNets({ engine, options, services, models, table }: Run): Promise<TuningTable> {
  let tuned = table;
  for (const model of models) {
    const progress = services.console.progress(`tune ${model.name}`, 1, 'nets');
    tuned = await tune(engine, traceSteps(model, options.batch).graph, tuned, {
      onProgress: ({ done, total }) => progress.at(done / total),
    });
    progress.stop();
  }
  return tuned;
}

async function profile(run: Run): Promise<void> {
  const { engine, options, services, models } = run;
  for (const model of models) {
    const steps = traceSteps(model, options.batch);
    const started = performance.now();
    const program = await engine.compile(steps.graph, choiceOf(run));
    const compiled = performance.now();
    fillSteps(steps, program);
    // The first run counts apart: some drivers compile a kernel only when it first runs.
    await program.run(['gradient', 1]);
    const ran = performance.now();
    services.console.say(
      `\n${model.name}: compiled in ${((compiled - started) / 1000).toFixed(1)} s, first run ${((ran - compiled) / 1000).toFixed(1)} s`,
    );
    await program.run(['gradient', 1]);
    const rows = await program.profile('gradient');
    program.destroy();
    const groups = groupProfile(rows);
    services.console.say(
      `\n${model.name}, batch ${options.batch}: forward and input gradient, ${rows.length} dispatches`,
    );
    services.console.say(
      formatTable(
        [
          { key: 'label', header: 'kernel' },
          { key: 'calls', header: 'calls' },
          { key: 'ms', header: 'ms', format: fixed(3) },
          { key: 'share', header: 'share', format: percent(1) },
          { key: 'gflops', header: 'GFLOP/s', format: fixed(1) },
        ],
        groups.map((group) => ({ ...group })),
        services.console,
      ),
    );
    const file = options.profile === true ? 'trace.json' : options.profile!;
    const path =
      models.length === 1 ? file : file.replace(/(\.json)?$/, `-${model.name.replace('@', '-')}.json`);
    await writeFile(path, traceEvents(`${model.name} batch ${options.batch}`, rows));
    services.console.say(`trace: ${path} (open it in ui.perfetto.dev)`);
  }
}

async function measure(run: Run): Promise<void> {
  const { engine, options, services, models } = run;
  const { console } = services;
  const wants = (kind: (typeof KINDS)[number]) => options.only === undefined || options.only === kind;
  const ceilings = await measureCeilings(engine);
  console.say(
    `ceilings: multiply-add ${ceilings.fmaGflops.toFixed(1)} GFLOP/s, copy ${ceilings.copyGBs.toFixed(1)} GB/s`,
  );
  const records: BenchRecord[] = [];
  const add = (record: BenchRecord) => {
    records.push(record);
    console.say(lineOf(record));
  };
  const choose = choiceOf(run);
  if (wants('kernel')) {
    const graphs = models.map((model) => traceSteps(model, options.batch).graph);
    for (const step of kernelCases(engine, graphs)) {
      services.signal.throwIfAborted();
      for (const record of await benchKernel(engine, step, ceilings, {
        allVariants: options.variants ?? false,
        choose,
      }))
        add(record);
    }
  }
  for (const model of models) {
    services.signal.throwIfAborted();
    if (wants('step'))
      for (const record of await benchSteps(engine, model, options.batch, choose)) add(record);
    if (wants('attack')) add(await benchAttack(engine, model, options.batch, options.iterations));
    if (wants('train')) add(await benchTraining(engine, model, options.batch));
    const shipped = shippedNet(model);
    if (wants('start') && shipped) add(await benchStart(model, shipped, options.batch, services.signal));
    else if (options.only === 'start')
      console.note(`start: expected a net whose weights ship with the package, got ${model.name}; left out`);
  }
  if (options.json !== undefined) {
    const { name, driver, software } = engine.adapter;
    const report: BenchReport = {
      adapter: name,
      driver,
      software,
      date: new Date().toISOString().slice(0, 10),
      ceilings,
      records,
    };
    await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
}

function lineOf(record: BenchRecord): string {
  switch (record.kind) {
    case 'kernel':
      return `kernel ${record.op.padEnd(26)} ${record.shape.padEnd(44)} ${record.variant.padEnd(12)} ${record.ms.min.toFixed(3).padStart(9)} ms ${record.gflops.toFixed(1).padStart(7)} GFLOP/s ${record.gbs.toFixed(1).padStart(6)} GB/s ${(100 * record.share).toFixed(0).padStart(4)} %`;
    case 'step':
      return `step   ${record.net} batch ${record.batch} ${record.mode.padEnd(8)} ${record.msPerImage.min.toFixed(2)} ms an image (median ${record.msPerImage.median.toFixed(2)}), ${record.gflops.toFixed(1)} GFLOP/s, ${(Object.values(record.memory).reduce((a, b) => a + b, 0) / 2 ** 20).toFixed(0)} MiB`;
    case 'attack': {
      const { overhead, idle } = record;
      const shares =
        overhead === undefined || idle === undefined
          ? ''
          : `, ${(100 * overhead).toFixed(1)} % of a step outside of the net, ${(100 * idle).toFixed(1)} % of the attack without the device`;
      return `attack ${record.net} batch ${record.batch} N ${record.iterations}: ${record.imagesPerSecond.max.toFixed(2)} images/s (median ${record.imagesPerSecond.median.toFixed(2)})${shares}`;
    }
    case 'train':
      return `train  ${record.net} batch ${record.batch}: ${record.imagesPerSecond.max.toFixed(1)} images/s (median ${record.imagesPerSecond.median.toFixed(1)})`;
    case 'start':
      return `start  ${record.net} batch ${record.batch}: first step begins after ${(record.readyMs.min / 1000).toFixed(2)} s (median ${(record.readyMs.median / 1000).toFixed(2)}), is done after ${(record.firstStepMs.min / 1000).toFixed(2)} s (${(record.firstStepMs.median / 1000).toFixed(2)})`;
  }
}
