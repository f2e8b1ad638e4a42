/** `cfr classify`: what a net sees in images. */
import type { Command } from 'commander';
import { type Classifier, classification, type Ranked } from '../../attack/classifier.js';
import { logitsOf } from '../../attack/logits.js';
import { netFacts } from '../../nets/model.js';
import { type Column, fixed, formatTable, percent } from '../../report/table.js';
import { openNet } from '../../run/net.js';
import type { DataOptions, NetOptions } from '../../run/options.js';
import { type Job, overBatches } from '../../run/over-batches.js';
import type { Services } from '../../run/services.js';
import { openSource } from '../../run/source.js';
import {
  addDataOptions,
  addNetOptions,
  addOutputOptions,
  imagesArgument,
  imagesHelp,
  integer,
  type OutputOptions,
  value,
} from '../options.js';

interface Options extends NetOptions, DataOptions, OutputOptions {
  readonly top: number;
  readonly logits?: boolean;
}

interface Classified {
  readonly source: string;
  readonly top: readonly Ranked[];
  readonly logits?: readonly number[];
  readonly net: ReturnType<typeof netFacts>;
}

export function registerClassify(program: Command, services: Services): void {
  const command = program
    .command('classify')
    .argument(imagesArgument, imagesHelp)
    .description('The most likely classes of images, with logits.');
  addDataOptions(addNetOptions(command), { label: false });
  addOutputOptions(command)
    .addOption(
      value('--top <count>', 'classes to show', integer('--top', { min: 1 }))
        .default(5)
        .helpGroup('Output:'),
    )
    .option('--logits', 'with --json: the logits of all classes, not only of the first')
    .addHelpText(
      'after',
      `
Examples:
  cfr classify cat.png dog.jpg
  cfr classify --model vgg11_bn-cifar10 --top 3 cat.png
  cfr classify --weights resnet50.pth --json --logits photo.jpg > photo.json`,
    )
    .action((files: string[], options: Options) => classify(files, options, services));
}

async function classify(files: readonly string[], options: Options, services: Services): Promise<void> {
  const console = services.console.with(options);
  const { model } = await openNet(files, options, services, console);
  const source = await openSource(files, options, model, services);
  const { classes } = model.spec;
  const net = netFacts(model);
  const classified: Classified[] = [];
  const rows: Record<string, unknown>[] = [];
  const job: Job<Classifier> = {
    title: 'classify',
    model,
    source,
    indices: source.indices,
    batch: options.batch,
    make: (device, batch) => device.classifier(model, batch),
    async compute(classifier, { pictures, x }) {
      const logits = await classifier.run(x);
      for (const [i, picture] of pictures.entries()) {
        const row = logitsOf(logits, i, classes);
        const { top } = classification(model, row, options.top);
        classified.push({
          source: picture.source,
          top,
          ...(options.logits ? { logits: [...row] } : {}),
          net,
        });
        for (const [rank, best] of top.entries()) {
          rows.push({ image: rank === 0 ? picture.source : '', ...best, logit: row[best.class] });
        }
      }
    },
  };
  services.exitCode = (await overBatches(job, services, console)).exitCode;
  if (classified.length === 0) return;
  if (console.json) console.document(classified);
  else console.say(formatTable(columns, rows, console));
}

const columns: readonly Column[] = [
  { key: 'image' },
  { key: 'class' },
  { key: 'label', header: 'name' },
  { key: 'confidence', format: percent(2) },
  { key: 'logit', format: fixed(3) },
];
