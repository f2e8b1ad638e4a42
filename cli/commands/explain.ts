/** `cfr explain`: where a net looks, and which pixels an attack may touch. */

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { checkFinite } from '../../attack/classifier.js';
import type { Explainer, ExplanationResult } from '../../attack/explain.js';
import { logitsOf, softmax } from '../../attack/logits.js';
import { EXPLANATIONS, type ExplainSettings, explainSettings, MASK_NORMS } from '../../attack/settings.js';
import { makeFolder } from '../../node/file-errors.js';
import { pictureName, runFiles } from '../../report/run-files.js';
import { type Column, formatTable, percent } from '../../report/table.js';
import { openNet } from '../../run/net.js';
import type { DataOptions, NetOptions } from '../../run/options.js';
import { type Batch, type Job, overBatches } from '../../run/over-batches.js';
import { writeExplanation } from '../../run/pictures.js';
import type { Services } from '../../run/services.js';
import { openSource } from '../../run/source.js';
import { TensorSpool } from '../../run/tensor-spool.js';
import {
  addDataOptions,
  addNetOptions,
  addOutputOptions,
  choice,
  type OutputOptions,
  real,
  value,
} from '../options.js';

interface Options extends NetOptions, DataOptions, OutputOptions, Partial<ExplainSettings> {
  readonly out: string;
  readonly saveTensors: boolean;
}

/** One image of the document that `--json` prints. */
interface Explained {
  readonly index: number;
  readonly source: string;
  /** The class that is explained. */
  readonly label: number;
  readonly class: number;
  readonly confidence: number;
  readonly cfr: 'ok' | 'empty';
  readonly cfrPixels: number;
  /** Paths of the pictures. */
  readonly files: Readonly<Record<'clean' | 'cam' | 'mask' | 'overlay', string>>;
}

export function registerExplain(program: Command, services: Services): void {
  const command = program
    .command('explain')
    .argument('[images...]', 'PNG or JPEG files')
    .description('Grad-CAM map, critical feature region (CFR) and soft mask of images.');
  addDataOptions(addNetOptions(command), { label: true });
  for (const option of [
    value(
      '--tau <level>',
      'the CFR is where the map is at least this (0.2)',
      real('--tau', { min: 0, max: 1 }),
    ),
    choice('--mask-norm <norm>', 'the soft mask (max)', MASK_NORMS),
    choice('--explanation <map>', 'gradcam, or cam for ResNets (gradcam)', EXPLANATIONS),
  ]) {
    command.addOption(option.helpGroup('Explanation:'));
  }
  addOutputOptions(command)
    .addOption(
      new Option('-o, --out <folder>', 'where everything goes; files of the same names are replaced')
        .default('out/explain')
        .helpGroup('Output:'),
    )
    .addOption(
      new Option('--save-tensors', `write ${runFiles.tensors}: x, cam, mask, logits`)
        .default(true)
        .helpGroup('Output:'),
    )
    .addOption(new Option('--no-save-tensors', 'only the pictures').helpGroup('Output:'))
    .addHelpText(
      'after',
      `
Examples:
  cfr explain cat.png
  cfr explain --label dog --tau 0.3 cat.png
  cfr explain --dataset cifar10-sample --limit 8 --out out/maps --json`,
    )
    .action((files: string[], options: Options) => explain(files, options, services));
}

async function explain(files: readonly string[], options: Options, services: Services): Promise<void> {
  const console = services.console.with(options);
  const { tau, maskNorm, explanation } = options;
  const settings = explainSettings({ tau, maskNorm, explanation });
  const { model } = await openNet(files, options, services, console);
  const source = await openSource(files, options, model, services);
  const { inputSize, classes } = model.spec;
  const pixels = inputSize * inputSize;
  const { out } = options;
  await makeFolder(out);
  const plane = [1, inputSize, inputSize];
  const shapes = { x: [3, inputSize, inputSize], cam: plane, mask: plane, logits: [classes] };
  let spool: TensorSpool | undefined;

  const explained: Explained[] = [];
  let done: { readonly batch: Batch; readonly result: ExplanationResult } | undefined;
  const job: Job<Explainer> = {
    title: 'explain',
    model,
    source,
    indices: source.indices,
    batch: options.batch,
    async make(device, batch) {
      if (options.saveTensors) spool = await TensorSpool.open(out, shapes, 0);
      return device.explainer(model, settings, batch);
    },
    async compute(explainer, batch) {
      const { pictures, x } = batch;
      const known = pictures.every((picture) => picture.label !== null);
      const labels = known ? Uint32Array.from(pictures, (picture) => picture.label!) : null;
      const result = await explainer.run(x, labels);
      checkFinite(result.logits, model.name);
      done = { batch, result };
    },
    async save() {
      const { pictures, x } = done!.batch;
      const { cam, mask, logits, classes: predicted, cfr, cfrPixels } = done!.result;
      for (const [i, { index, source: from, label, image }] of pictures.entries()) {
        const maps = {
          cam: cam.subarray(i * pixels, (i + 1) * pixels),
          mask: mask.subarray(i * pixels, (i + 1) * pixels),
        };
        await writeExplanation(
          { index, image, ...maps },
          (kind) => join(out, pictureName(kind, index)),
          services,
        );
        const winner = predicted[i]!;
        explained.push({
          index,
          source: from,
          label: label ?? winner,
          class: winner,
          confidence: softmax(logitsOf(logits, i, classes))[winner]!,
          cfr: cfr[i]!,
          cfrPixels: cfrPixels[i]!,
          files: {
            clean: join(out, pictureName('clean', index)),
            cam: join(out, pictureName('cam', index)),
            mask: join(out, pictureName('mask', index)),
            overlay: join(out, pictureName('overlay', index)),
          },
        });
      }
      await spool?.append(pictures.length, { x, cam, mask, logits });
    },
  };
  services.exitCode = (await overBatches(job, services, console)).exitCode;
  if (explained.length === 0) return;
  await spool?.pack({ indices: JSON.stringify(explained.map(({ index }) => index)), model: model.name });
  if (console.json) console.document(explained);
  else {
    const rows = explained.map((line) => ({
      image: line.source,
      explained: model.labels[line.label],
      predicted: model.labels[line.class],
      confidence: line.confidence,
      share: line.cfrPixels / pixels,
      overlay: line.files.overlay,
    }));
    console.say(formatTable(columns, rows));
  }
}

const columns: readonly Column[] = [
  { key: 'image' },
  { key: 'explained' },
  { key: 'predicted' },
  { key: 'confidence', format: percent(1) },
  { key: 'share', header: 'CFR', format: percent(1) },
  { key: 'overlay' },
];
