/** `cfr eval`: a net's accuracy, and its predictions image by image for comparison with another program. */
import { open } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { Classifier } from '../../attack/classifier.js';
import { argmax, logitsOf, softmax } from '../../attack/logits.js';
import { UserError } from '../../base/errors.js';
import { type Model, netFacts } from '../../nets/model.js';
import { variantsOf } from '../../nets/variants.js';
import { fileReason } from '../../node/file-errors.js';
import { type Column, formatTable, percent } from '../../report/table.js';
import type { Console } from '../../run/console.js';
import { openNet } from '../../run/net.js';
import type { DataOptions, NetOptions } from '../../run/options.js';
import { type Job, overBatches } from '../../run/over-batches.js';
import { adapterText, type Services } from '../../run/services.js';
import { openSource, type Picture } from '../../run/source.js';
import {
  addDataOptions,
  addNetOptions,
  addOutputOptions,
  imagesArgument,
  imagesHelp,
  type OutputOptions,
} from '../options.js';

interface Options extends NetOptions, DataOptions, OutputOptions {
  readonly predictions?: string;
  readonly tryVariants?: boolean;
}

export function registerEval(program: Command, services: Services): void {
  const command = program
    .command('eval')
    .argument(imagesArgument, `${imagesHelp}; with --label`)
    .description("A net's accuracy over a data set.");
  addDataOptions(addNetOptions(command), { label: 'needed' });
  addOutputOptions(command)
    .addOption(
      new Option(
        '--predictions <file>',
        'write a JSON line per image: index, source, label, class, confidence, logits',
      ).helpGroup('Output:'),
    )
    .addOption(
      new Option(
        '--try-variants',
        'rank what the weights file leaves open (normalisation, stem, last pool, shortcuts) by accuracy',
      )
        .conflicts('predictions')
        .helpGroup('Output:'),
    )
    .addHelpText(
      'after',
      `
Examples:
  cfr eval --dataset cifar10-sample
  cfr eval --dataset cifar10 --limit 1000 --predictions predictions.jsonl
  cfr eval --weights vgg16.pth --dataset imagenet:val --json
  cfr eval --weights mine.pth --dataset cifar10-sample --limit 64 --try-variants`,
    )
    .action((files: string[], options: Options) => evaluate(files, options, services));
}

async function evaluate(files: readonly string[], options: Options, services: Services): Promise<void> {
  if (files.length > 0 && options.label === undefined && options.dataset === undefined) {
    throw new UserError(
      'eval: expected labels to compare with, got none; give --label for the image files, or --dataset',
    );
  }
  const console = services.console.with(options);
  const { model } = await openNet(files, options, services, console);
  if (options.tryVariants) return tryVariants(files, options, model, services, console);
  const predictions =
    options.predictions === undefined ? undefined : await openPredictions(options.predictions);
  const start = performance.now();
  let score: Score;
  try {
    score = await judge(model, files, options, services, console, async (lines) => {
      await predictions?.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    });
  } finally {
    await predictions?.close();
  }
  const { images, correct, adapter, assignment } = score;
  if (images === 0) return;
  const seconds = (performance.now() - start) / 1000;
  const accuracy = correct / images;
  const warning = chanceWarning(model, score);
  if (console.json) {
    const warnings = warning === undefined ? [] : [warning];
    const net = netFacts(model);
    console.document({
      accuracy,
      images,
      correct,
      model: model.name,
      assignment,
      adapter,
      seconds,
      net,
      warnings,
    });
  } else {
    console.say(
      `${model.name}: ${percent(2)(accuracy)} right (${correct} of ${images} images, ${seconds.toFixed(1)} s)`,
    );
    console.say(`adapter: ${adapter}`);
  }
  if (warning !== undefined) console.problem(`warning: ${warning}`);
}

interface Score {
  readonly images: number;
  readonly correct: number;
  readonly adapter: string;
  /** How labels were assigned, where a data set did. */
  readonly assignment: string | undefined;
}

type Prediction = ReturnType<typeof predict>;

/** Counts a net's right predictions; `take` gets them batch by batch. */
async function judge(
  model: Model,
  files: readonly string[],
  options: Options,
  services: Services,
  console: Console,
  take: (lines: readonly Prediction[]) => Promise<void> = async () => {},
): Promise<Score> {
  const source = await openSource(files, options, model, services);
  const { classes } = model.spec;
  let images = 0;
  let correct = 0;
  let adapter = '';
  const job: Job<Classifier> = {
    title: 'eval',
    model,
    source,
    indices: source.indices,
    batch: options.batch,
    make(device, batch) {
      adapter = adapterText(device.adapter);
      return device.classifier(model, batch);
    },
    async compute(classifier, { pictures, x }) {
      const logits = await classifier.run(x);
      const lines = pictures.map((picture, i) => predict(picture, logitsOf(logits, i, classes)));
      await take(lines);
      images += lines.length;
      correct += lines.filter((line) => line.class === line.label).length;
    },
  };
  services.exitCode = (await overBatches(job, services, console)).exitCode;
  return { images, correct, adapter, assignment: source.assignment };
}

/** Fewer images say nothing of chance. */
const ENOUGH_IMAGES = 16;

/** Within three deviations of what guessing gives. */
function chanceWarning({ spec, open }: Model, { images, correct }: Score): string | undefined {
  const chance = 1 / spec.classes;
  const most = images * chance + 3 * Math.sqrt(images * chance * (1 - chance));
  if (images < ENOUGH_IMAGES || correct > most) return undefined;
  const causes = [
    'labels in another order than the net was trained with',
    'another normalisation (--mean, --std)',
    ...(open.includes('stem') ? ['a max-pool or stride of the stem (--stem-pool, --stem-stride)'] : []),
    ...(open.includes('last-pool') ? ['no max-pool behind the last convolution (--no-last-pool)'] : []),
    ...(open.includes('shortcut') ? ['other shortcuts (--shortcut)'] : []),
    'another input size (--input-size)',
  ];
  return (
    `${correct} of ${images} right is what guessing among ${spec.classes} classes gives; likely causes: ${causes.join(', ')}` +
    (open.length > 0 ? '; --try-variants compares what the file admits' : '')
  );
}

async function tryVariants(
  files: readonly string[],
  options: Options,
  model: Model,
  services: Services,
  console: Console,
): Promise<void> {
  const quiet = console.with({ ...options, quiet: true });
  const ranked: { options: string; accuracy: number; correct: number; images: number }[] = [];
  const variants = variantsOf(model);
  const progress = console.progress('variants', variants.length, 'variants');
  try {
    for (const [k, variant] of variants.entries()) {
      const given = { ...options, ...variant.options };
      const { model: net } = await openNet(files, given, services, quiet);
      const { images, correct } = await judge(net, files, given, services, quiet);
      ranked.push({ options: variant.title, accuracy: images > 0 ? correct / images : 0, correct, images });
      progress.at(k + 1);
    }
  } finally {
    progress.stop();
  }
  ranked.sort((a, b) => b.correct - a.correct);
  if (console.json) console.document({ model: model.name, net: netFacts(model), variants: ranked });
  else {
    const columns: readonly Column[] = [
      { key: 'accuracy', format: percent(2) },
      { key: 'correct' },
      { key: 'images' },
      { key: 'options' },
    ];
    console.say(formatTable(columns, ranked));
  }
}

function predict({ index, source, label }: Picture, logits: Float32Array) {
  const winner = argmax(logits);
  return { index, source, label, class: winner, confidence: softmax(logits)[winner]!, logits: [...logits] };
}

async function openPredictions(path: string) {
  return open(path, 'w').catch((error: unknown) => {
    throw new UserError(
      `--predictions ${path}: expected a file that can be written, got: ${fileReason(error)}; choose another`,
    );
  });
}
