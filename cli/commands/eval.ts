/** `cfr eval`: a net's accuracy, and its predictions image by image for comparison with another program. */
import { open } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { Classifier } from '../../attack/classifier.js';
import { argmax, logitsOf, softmax } from '../../attack/logits.js';
import { UserError } from '../../base/errors.js';
import { fileReason } from '../../node/file-errors.js';
import { percent } from '../../report/table.js';
import type { DataOptions, NetOptions } from '../../run/options.js';
import { type Job, overBatches } from '../../run/over-batches.js';
import { adapterText, type Services } from '../../run/services.js';
import { openSource, type Picture } from '../../run/source.js';
import { addDataOptions, addNetOptions, addOutputOptions, type OutputOptions } from '../options.js';

interface Options extends NetOptions, DataOptions, OutputOptions {
  readonly predictions?: string;
}

export function registerEval(program: Command, services: Services): void {
  const command = program
    .command('eval')
    .argument('[images...]', 'PNG or JPEG files, with --label')
    .description("A net's accuracy over a data set.");
  addDataOptions(addNetOptions(command), { label: true });
  addOutputOptions(command)
    .addOption(
      new Option(
        '--predictions <file>',
        'write a JSON line per image: index, source, label, class, confidence, logits',
      ).helpGroup('Output:'),
    )
    .addHelpText(
      'after',
      `
Examples:
  cfr eval --dataset cifar10-sample
  cfr eval --dataset cifar10 --limit 1000 --predictions predictions.jsonl
  cfr eval --weights vgg16.pth --dataset imagenet:val --json`,
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
  const { model } = await services.loadNet(options, console);
  const source = await openSource(files, options, model, services);
  const { assignment } = source;
  if (assignment !== undefined) console.note(assignment);
  const { classes } = model.spec;
  const predictions =
    options.predictions === undefined ? undefined : await openPredictions(options.predictions);
  const start = performance.now();
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
      await predictions?.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      images += lines.length;
      correct += lines.filter((line) => line.class === line.label).length;
    },
  };
  try {
    services.exitCode = (await overBatches(job, services, console)).exitCode;
  } finally {
    await predictions?.close();
  }
  if (images === 0) return;
  const seconds = (performance.now() - start) / 1000;
  const accuracy = correct / images;
  if (console.json) {
    console.document({ accuracy, images, correct, model: model.name, assignment, adapter, seconds });
  } else {
    console.say(
      `${model.name}: ${percent(2)(accuracy)} right (${correct} of ${images} images, ${seconds.toFixed(1)} s)`,
    );
    console.say(`adapter: ${adapter}`);
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
