/** `cfr explain`: where a net looks, which pixels an attack may touch, and whether that is where its evidence is. */

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { type Classifier, checkFinite } from '../../attack/classifier.js';
import type { Explainers, ExplanationResult } from '../../attack/explain.js';
import type { Explanation } from '../../attack/explanations.js';
import { type Faithfulness, faithfulnessOf, faithfulnessTable } from '../../attack/faithfulness.js';
import { logitsOf, softmax } from '../../attack/logits.js';
import { mapSize } from '../../attack/maps.js';
import { explainTable } from '../../attack/settings/common.js';
import { resolveSettings } from '../../attack/settings/rows.js';
import {
  faithfulnessColumns,
  faithfulnessFigure,
  faithfulnessRow,
  summariseFaithfulness,
} from '../../experiments/faithfulness.js';
import { explanationGrid, type ShownMap } from '../../experiments/grids.js';
import { makeFolder } from '../../node/file-errors.js';
import { writeAtomic } from '../../node/files.js';
import { chartPng } from '../../report/charts.js';
import { type AnyKind, pictureName, runFiles } from '../../report/run-files.js';
import { type Column, formatTable, percent } from '../../report/table.js';
import { openNet } from '../../run/net.js';
import type { DataOptions, NetOptions } from '../../run/options.js';
import { type Batch, type Job, overBatches } from '../../run/over-batches.js';
import { type OverlaySize, openPhoto } from '../../run/photos.js';
import { writeExplanation } from '../../run/pictures.js';
import type { Services } from '../../run/services.js';
import { openSource } from '../../run/source.js';
import { TensorSpool } from '../../run/tensor-spool.js';
import { chosenExplanations, explanationsOption } from '../explanations.js';
import {
  addDataOptions,
  addNetOptions,
  addOutputOptions,
  imagesArgument,
  imagesHelp,
  type OutputOptions,
  overlaySizeOf,
  overlaySizeOption,
} from '../options.js';
import { addSettings, type Typed, typedSettings, withClasses, withFlags } from '../settings.js';

interface Options extends NetOptions, DataOptions, OutputOptions, Typed {
  readonly out: string;
  readonly saveTensors: boolean;
  readonly explanations?: readonly Explanation[];
  readonly faithfulness?: boolean;
  readonly overlaySize?: OverlaySize;
}

/** One explanation of one image in the document that `--json` prints. */
interface Explained {
  readonly index: number;
  readonly source: string;
  readonly explanation: Explanation;
  /** The class that is explained. */
  readonly label: number;
  readonly class: number;
  readonly confidence: number;
  readonly cfr: 'ok' | 'empty';
  readonly cfrPixels: number;
  /** The ends of the raw map, which is in the tensors. */
  readonly map: { readonly min: number; readonly max: number; readonly size: readonly [number, number] };
  readonly faithfulness?: Faithfulness;
  /** Paths of the pictures. */
  readonly files: Readonly<Record<'clean' | 'cam' | 'mask' | 'overlay', string>>;
}

export function registerExplain(program: Command, services: Services): void {
  const command = program
    .command('explain')
    .argument(imagesArgument, imagesHelp)
    .description('What a net looks at: map, contributing feature region (CFR) and soft mask; faithfulness.');
  addDataOptions(addNetOptions(command), { label: true });
  addSettings(command, explainTable, 'Explanation:');
  command
    .addOption(
      explanationsOption('several beside each other, each in a folder of --out').helpGroup('Explanation:'),
    )
    .addOption(
      new Option(
        '--faithfulness',
        'deletion and insertion curves, average drop and increase: table, figure, faithfulness.json',
      ).helpGroup('Faithfulness:'),
    );
  addSettings(command, faithfulnessTable, 'Faithfulness:');
  addOutputOptions(command)
    .addOption(
      new Option('-o, --out <folder>', 'where everything goes; files of the same names are replaced')
        .default('out/explain')
        .helpGroup('Output:'),
    )
    .addOption(
      new Option('--save-tensors', `write ${runFiles.tensors}: x, raw map, cam, mask, logits`)
        .default(true)
        .helpGroup('Output:'),
    )
    .addOption(new Option('--no-save-tensors', 'only the pictures').helpGroup('Output:'))
    .addOption(overlaySizeOption(false))
    .addHelpText(
      'after',
      `
Examples:
  cfr explain cat.png
  cfr explain --label dog --explain-class cat --explanation layercam cat.png
  cfr explain --dataset cifar10-sample --limit 64 --faithfulness --explanations all`,
    )
    .action((files: string[], options: Options) => explain(files, options, services));
}

/** The programs of a run. */
class Tools {
  constructor(
    readonly explainers: Explainers,
    readonly classifier: Classifier | undefined,
  ) {}

  destroy(): void {
    this.explainers.destroy();
    this.classifier?.destroy();
  }
}

async function explain(files: readonly string[], options: Options, services: Services): Promise<void> {
  const console = services.console.with(options);
  const { model } = await openNet(files, options, services, console);
  const typed = withClasses(
    typedSettings(explainTable, [], options, 'an explanation'),
    options,
    model.labels,
    model.spec.classes,
  );
  const settings = withFlags(() =>
    chosenExplanations(options.explanations, typed).map((own) =>
      resolveSettings(explainTable, own, model.spec, 'an explanation'),
    ),
  );
  const measured = withFlags(() =>
    resolveSettings(
      faithfulnessTable,
      typedSettings(faithfulnessTable, [], options, '--faithfulness'),
      model.spec,
      'faithfulness',
    ),
  );
  const source = await openSource(files, options, model, services);
  const overlaySize = overlaySizeOf(options);
  const { height, width, classes } = model.spec;
  const pixels = height * width;
  const sizes = settings.map((one) => mapSize(model, one));
  // Each of several has a folder of its own.
  const folders = settings.map(({ explanation }) =>
    settings.length > 1 ? join(options.out, explanation) : options.out,
  );
  for (const folder of folders) await makeFolder(folder);
  let spools: TensorSpool[] = [];

  const explained: Explained[] = [];
  const shown: ShownMap[] = [];
  let finished = 0;
  let done:
    | {
        readonly batch: Batch;
        readonly results: readonly ExplanationResult[];
        readonly asked: readonly number[];
        readonly faithful: readonly (readonly Faithfulness[])[] | undefined;
      }
    | undefined;
  const job: Job<Tools> = {
    title: 'explain',
    model,
    source,
    indices: source.indices,
    batch: options.batch,
    async make(device, batch) {
      const plane = [1, height, width];
      const others = { cam: plane, mask: plane, logits: [classes] };
      if (options.saveTensors)
        spools = await Promise.all(
          folders.map((folder, k) =>
            TensorSpool.open(folder, { x: [3, height, width], map: [1, ...sizes[k]!], ...others }, 0),
          ),
        );
      const explainers = await device.explainers(model, settings, batch);
      return new Tools(explainers, options.faithfulness ? await device.classifier(model, batch) : undefined);
    },
    async compute({ explainers, classifier }, batch) {
      const { pictures, x } = batch;
      const known = pictures.every((picture) => picture.label !== null);
      const labels = known ? Uint32Array.from(pictures, (picture) => picture.label!) : null;
      const results = await explainers.run(x, labels);
      const [first] = results as [ExplanationResult];
      checkFinite(first.logits, model, x);
      const asked = pictures.map(
        ({ label }, i) => settings[0]!.explainClass ?? (known ? label! : first.classes[i]!),
      );
      const faithful =
        classifier &&
        (await faithfulnessOf(
          classifier,
          model.spec,
          x,
          asked,
          results.map(({ cam }) => cam),
          pictures.map(({ index }) => index),
          measured,
        ));
      done = { batch, results, asked, faithful };
    },
    async save() {
      const { batch, results, asked, faithful } = done!;
      const { pictures, x } = batch;
      for (const [k, { map, cam, mask, logits, classes: predicted, cfr, cfrPixels }] of results.entries()) {
        const cells = map.length / pictures.length;
        const folder = folders[k]!;
        for (const [i, { index, name, source: from, image, photo }] of pictures.entries()) {
          const own = (all: Float32Array, size: number) => all.subarray(i * size, (i + 1) * size);
          const maps = { cam: own(cam, pixels), mask: own(mask, pixels) };
          const path = (kind: AnyKind) => join(folder, pictureName(kind, { index, name }));
          const open = overlaySize === 'original' && photo ? await openPhoto(photo, image) : undefined;
          await writeExplanation({ index, name, image, ...maps, photo: open }, path, services);
          const winner = predicted[i]!;
          const raw = own(map, cells);
          explained.push({
            index,
            source: from,
            explanation: settings[k]!.explanation,
            label: asked[i]!,
            class: winner,
            confidence: softmax(logitsOf(logits, i, classes))[winner]!,
            cfr: cfr[i]!,
            cfrPixels: cfrPixels[i]!,
            map: { min: Math.min(...raw), max: Math.max(...raw), size: sizes[k]! },
            ...(faithful ? { faithfulness: faithful[k]![i]! } : {}),
            files: {
              clean: path('clean'),
              cam: path('cam'),
              mask: path('mask'),
              overlay: path('overlay'),
            },
          });
          if (finished + i < GRID_ROWS)
            shown.push({
              index,
              explanation: settings[k]!.explanation,
              explained: model.labels[asked[i]!]!,
              image,
              cam: maps.cam.slice(),
              mask: maps.mask.slice(),
              pixels: cfr[i] === 'ok' ? cfrPixels[i]! : 0,
            });
        }
        await spools[k]?.append(pictures.length, { x, map, cam, mask, logits });
      }
      finished += pictures.length;
    },
  };
  services.exitCode = (await overBatches(job, services, console)).exitCode;
  if (explained.length === 0) return;
  const indices = JSON.stringify([...new Set(explained.map(({ index }) => index))]);
  for (const [k, spool] of spools.entries())
    await spool.pack({ indices, model: model.name, settings: JSON.stringify(settings[k]!) });
  const empty = explained.filter(({ cfr }) => cfr === 'empty').length;
  if (empty > 0)
    console.note(
      `${empty} of ${explained.length} maps show no evidence for the class (nothing above 0): no CFR, the mask is the whole image`,
    );
  if (settings.length > 1)
    await writeFigure(join(options.out, 'explanations'), explanationGrid(model.name, shown));
  if (!options.faithfulness) {
    if (console.json) console.document(explained);
    else
      console.say(
        formatTable(
          columns,
          explained.map((line) => tableRow(line, model.labels, pixels)),
          console,
        ),
      );
    return;
  }
  const summaries = settings.map(({ explanation }) => {
    const own = explained.filter((line) => line.explanation === explanation);
    return summariseFaithfulness(
      explanation,
      own.map((line) => line.faithfulness!),
      own.filter(({ cfr }) => cfr === 'empty').length,
    );
  });
  const document = {
    format: 1,
    command: 'explain --faithfulness',
    model: model.name,
    data: await source.identity(),
    settings,
    faithfulness: measured,
    summaries,
    images: explained,
  };
  await writeAtomic(
    join(options.out, 'faithfulness.json'),
    Buffer.from(`${JSON.stringify(document, null, 2)}\n`),
  );
  await writeFigure(join(options.out, 'faithfulness'), faithfulnessFigure(model.name, summaries, measured));
  if (console.json) console.document(document);
  else
    console.say(
      `${formatTable(faithfulnessColumns, summaries.map(faithfulnessRow), { width: console.width })}\n` +
        `Probability of the class, ${measured.steps} steps, ${measured.baseline === 'mean' ? 'the mean colour' : 'black'} for what is taken away; ` +
        `means over images with 95 % intervals.\n\nall files: ${options.out}`,
    );
}

/** Images in the figure of several explanations. */
const GRID_ROWS = 8;

async function writeFigure(path: string, svg: string): Promise<void> {
  await writeAtomic(`${path}.svg`, Buffer.from(svg));
  await writeAtomic(`${path}.png`, await chartPng(svg));
}

function tableRow(line: Explained, labels: readonly string[], pixels: number) {
  return {
    image: line.source,
    explanation: line.explanation,
    explained: labels[line.label],
    predicted: labels[line.class],
    confidence: line.confidence,
    share: line.cfr === 'ok' ? line.cfrPixels / pixels : null,
    overlay: line.files.overlay,
  };
}

const columns: readonly Column[] = [
  { key: 'image' },
  { key: 'explanation' },
  { key: 'explained' },
  { key: 'predicted' },
  { key: 'confidence', format: percent(1) },
  { key: 'share', header: 'CFR', format: percent(1) },
  { key: 'overlay' },
];
