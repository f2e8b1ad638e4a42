/** `cfr explain`: where a net looks, and which pixels an attack may touch. */

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { checkFinite } from '../../attack/classifier.js';
import type { Explainer, ExplanationResult } from '../../attack/explain.js';
import { logitsOf, softmax } from '../../attack/logits.js';
import { explainTable } from '../../attack/settings/common.js';
import { resolveSettings } from '../../attack/settings/rows.js';
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
  imagesArgument,
  imagesHelp,
  type OutputOptions,
} from '../options.js';
import { addSettings, type Typed, typedSettings, withFlags } from '../settings.js';

interface Options extends NetOptions, DataOptions, OutputOptions, Typed {
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
    .argument(imagesArgument, imagesHelp)
    .description('Grad-CAM map, critical feature region (CFR) and soft mask of images.');
  addDataOptions(addNetOptions(command), { label: true });
  addSettings(command, explainTable, 'Explanation:');
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
  const { model } = await openNet(files, options, services, console);
  const settings = withFlags(() =>
    resolveSettings(
      explainTable,
      typedSettings(explainTable, [], options, 'an explanation'),
      model.spec,
      'an explanation',
    ),
  );
  const source = await openSource(files, options, model, services);
  const { height, width, classes } = model.spec;
  const pixels = height * width;
  const { out } = options;
  await makeFolder(out);
  const plane = [1, height, width];
  const shapes = { x: [3, height, width], cam: plane, mask: plane, logits: [classes] };
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
      checkFinite(result.logits, model, x);
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
    console.say(formatTable(columns, rows, console));
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
