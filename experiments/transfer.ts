/**
 * How adversarial images of one net do on others (Fig. 7 and 8 of the paper), as they are and, which the paper leaves out, at one l2 for all: a
 * method that changes more carries over more.
 */
import { basename, join } from 'node:path';
import * as v from 'valibot';
import type { Classifier } from '../attack/classifier.js';
import { argmax, logitsOf } from '../attack/logits.js';
import { UserError } from '../base/errors.js';
import { toTensor } from '../data/image.js';
import type { Image } from '../data/rgb.js';
import { heatmapChart, stackCharts } from '../report/charts.js';
import type { PageChart } from '../report/page-data.js';
import { pictureName } from '../report/run-files.js';
import { wilson } from '../report/statistics.js';
import { type Column, fixed, percent, type Row } from '../report/table.js';
import { overBatches } from '../run/over-batches.js';
import { type AskedCell, average, type Cell, cellDocuments, cellTitle, runCells } from './cells.js';
import { intervalText, judged, ofNets } from './compare.js';
import { attackGrid } from './grids.js';
import { publish } from './outputs.js';
import { paperSays } from './paper.js';
import {
  cleanDocument,
  cleanPass,
  linePicture,
  netFingerprint,
  noteExit,
  openLines,
  rightForAll,
  type StudiedNet,
  type Study,
} from './study.js';
import { warningsOf } from './warnings.js';

const lineSchema = v.looseObject({
  index: v.number(),
  label: v.number(),
  /** What the target says of the image as it is, and at the common l2. */
  class: v.number(),
  classAtL2: v.number(),
  /** l2 of the two. */
  l2: v.number(),
  scaledL2: v.number(),
});
type Line = v.InferOutput<typeof lineSchema>;

/** l2 of the difference of two 8-bit images, pixels in [0, 1]. */
function distance(one: Uint8Array, other: Uint8Array): number {
  let squares = 0;
  for (let i = 0; i < one.length; i++) squares += (one[i]! - other[i]!) ** 2;
  return Math.sqrt(squares) / 255;
}

/**
 * The adversarial image moved along its perturbation until its l2 is `l2`, as an 8-bit image: rounding and the box allow it to be met nearly. An image
 * without perturbation stays.
 */
export function scaledTo(clean: Image, adversarial: Image, l2: number): Image {
  const at = (factor: number): Image => ({
    ...clean,
    data: clean.data.map((value, i) => {
      const change = factor * (adversarial.data[i]! - value);
      // Halves away from 0, so that a perturbation and its opposite stay opposites.
      const rounded = Math.sign(change) * Math.round(Math.abs(change));
      return Math.min(255, Math.max(0, value + rounded));
    }),
  });
  if (distance(clean.data, adversarial.data) === 0) return clean;
  let [low, high] = [0, 1];
  // Beyond 255 steps a pixel that changes is at the box's edge.
  while (distance(clean.data, at(high).data) < l2 && high < 256) high *= 2;
  for (let round = 0; round < 30; round++) {
    const middle = (low + high) / 2;
    if (distance(clean.data, at(middle).data) < l2) low = middle;
    else high = middle;
  }
  const [below, above] = [at(low), at(high)];
  const miss = (image: Image) => Math.abs(distance(clean.data, image.data) - l2);
  return miss(below) <= miss(above) ? below : above;
}

/** What a target says of a cell's images. */
async function judgeCell(
  study: Study,
  cell: Cell,
  target: StudiedNet,
  l2: number,
): Promise<{ readonly lines: readonly Line[]; readonly name: string }> {
  const fingerprint = { cell: cell.name, l2, ...(await netFingerprint(target, study.data)) };
  const name = `transfer-${cell.method.name}-to-${target.model.name}`;
  const { lines, append, folder } = await openLines(study, name, fingerprint, lineSchema);
  const done = new Set(lines.map(({ index }) => index));
  const results = new Map(cell.results.map((result) => [result.index, result]));
  const picture = (kind: 'clean' | 'adversarial', index: number) =>
    study.services.readImage(join(cell.folder, pictureName(kind, results.get(index)!)));
  let found: Line[] = [];
  const { exitCode } = await overBatches<Classifier>(
    {
      title: 'judge',
      model: target.model,
      source: {
        ...cell.net.source,
        load: async (index) => ({
          index,
          source: pictureName('adversarial', results.get(index)!),
          label: results.get(index)!.label,
          image: await picture('adversarial', index),
        }),
      },
      indices: [...results.keys()].filter((index) => !done.has(index)),
      batch: study.data.batch,
      make: (device, batch) => device.classifier(target.model, batch),
      async compute(classifier, { pictures, x }) {
        const { classes } = target.model.spec;
        const cleans = await Promise.all(pictures.map(({ index }) => picture('clean', index)));
        const scaled = pictures.map(({ image }, i) => scaledTo(cleans[i]!, image, l2));
        for (const [i, { index }] of pictures.entries())
          await study.services.writePng(join(folder, linePicture('scaled', index)), scaled[i]!);
        const say = async (images: Float32Array) => {
          const logits = await classifier.run(images);
          return pictures.map((_, i) => argmax(logitsOf(logits, i, classes)));
        };
        const own = await say(x);
        const atL2 = await say(stackOf(scaled));
        found = pictures.map(({ index, label, image }, i) => ({
          index,
          label: label!,
          class: own[i]!,
          classAtL2: atL2[i]!,
          l2: distance(cleans[i]!.data, image.data),
          scaledL2: distance(cleans[i]!.data, scaled[i]!.data),
        }));
      },
      save: () => append(found),
    },
    study.services,
    study.console,
  );
  noteExit(study, exitCode);
  return {
    lines: lines.filter(({ index }) => results.has(index)).sort((a, b) => a.index - b.index),
    name: basename(folder),
  };
}

function stackOf(images: readonly Image[]): Float32Array {
  const tensors = images.map(toTensor);
  const x = new Float32Array(tensors.length * (tensors[0]?.length ?? 0));
  for (const [i, tensor] of tensors.entries()) x.set(tensor, i * tensor.length);
  return x;
}

/** What a target makes of a substitute's images. */
interface Pair {
  readonly substitute: string;
  readonly target: string;
  readonly method: string;
  readonly cell: string;
  readonly n: number;
  /** Of the folder with what the target says of each image, and the scaled images, below that of the cells. */
  readonly lines: string;
  /** Images that the target still classifies right: as they are, and at the common l2. */
  readonly correct: number;
  readonly correctAtL2: number;
  readonly accuracy: number | null;
  readonly accuracy95: ReturnType<typeof wilson>;
  readonly accuracyAtL2: number | null;
  readonly accuracyAtL2Interval: ReturnType<typeof wilson>;
  /** Means over all images, those that stayed among them. */
  readonly l2: number | null;
  readonly scaledL2: number | null;
}

export function pairOf(
  names: Pick<Pair, 'substitute' | 'target' | 'method' | 'cell' | 'lines'>,
  lines: readonly Line[],
): Pair {
  const n = lines.length;
  const correct = lines.filter((line) => line.class === line.label).length;
  const correctAtL2 = lines.filter((line) => line.classAtL2 === line.label).length;
  return {
    ...names,
    n,
    correct,
    correctAtL2,
    accuracy: n === 0 ? null : correct / n,
    accuracy95: wilson(correct, n),
    accuracyAtL2: n === 0 ? null : correctAtL2 / n,
    accuracyAtL2Interval: wilson(correctAtL2, n),
    l2: average(lines.map((line) => line.l2)),
    scaledL2: average(lines.map((line) => line.scaledL2)),
  };
}

/** @param l2 to which perturbations are scaled for the second form */
export async function transfer(study: Study, asked: readonly AskedCell[], l2: number): Promise<void> {
  requireOneSize(study.nets);
  const passes = await cleanPass(study);
  const indices = rightForAll(study, passes);
  const cells = await runCells(study, asked, indices);
  const pairs: Pair[] = [];
  for (const cell of cells)
    for (const target of study.nets) {
      const said = await judgeCell(study, cell, target, l2);
      const names = { substitute: cell.net.model.name, target: target.model.name };
      pairs.push(
        pairOf({ ...names, method: cellTitle(cell), cell: cell.name, lines: said.name }, said.lines),
      );
    }
  const documents = cellDocuments(cells);
  const clean = cleanDocument(study, passes);
  const columns: Column[] = [
    { key: 'substitute' },
    { key: 'target' },
    { key: 'method' },
    { key: 'n' },
    { key: 'accuracy', header: 'accuracy of target', format: percent(1) },
    { key: 'interval', header: '95 %' },
    { key: 'l2', header: 'mean l2', format: fixed(3) },
    { key: 'accuracyAtL2', header: `accuracy at l2 ${l2}`, format: percent(1) },
    { key: 'intervalAtL2', header: '95 %' },
    { key: 'scaledL2', header: 'mean l2 then', format: fixed(3) },
  ];
  await publish(study, {
    title: 'Transfer of adversarial images between nets',
    columns,
    rows: pairs.map(
      (pair): Row => ({
        ...pair,
        interval: intervalText(pair.accuracy95),
        intervalAtL2: intervalText(pair.accuracyAtL2Interval),
      }),
    ),
    figure: heatmaps(cells, pairs, clean.clean, l2),
    images: await attackGrid(ofNets(cells), study.services),
    charts: transferCharts(cells, pairs, clean.clean, l2),
    cells,
    norm: 'l2',
    notes: [
      'Accuracy of the target on the substitute’s adversarial images of those that all nets classify right when clean: low is good transfer. ' +
        `At l2 ${l2}: each perturbation scaled to that size and rounded to 8 bits; images that an attack left as they are stay. Natural: accuracy on all clean images.`,
      `The paper, on other nets, not at equal l2: ${paperSays.transfer}.`,
    ],
    warnings: warningsOf(judged(cells, documents)),
    document: {
      command: 'transfer',
      l2,
      data: await study.nets[0]!.source.identity(),
      ...clean,
      indices,
      cells: documents,
      pairs,
    },
  });
}

/** @throws UserError where an image of one net is none of another */
function requireOneSize(nets: readonly StudiedNet[]): void {
  const sizes = nets.map(({ model: { spec } }) => `${spec.height}x${spec.width}, ${spec.classes} classes`);
  if (new Set(sizes).size > 1)
    throw new UserError(
      `transfer: expected nets of one input size and number of classes, got ${nets.map(({ model }, i) => `${model.name} ${sizes[i]}`).join('; ')}; leave some out`,
    );
}

/** For each substitute: targets by methods, as they are and at one l2. */
function heatmaps(
  cells: readonly Cell[],
  pairs: readonly Pair[],
  clean: readonly { net: string; images: number; correct: number }[],
  l2: number,
): string {
  return stackCharts(
    ofNets(cells).flatMap((own) => {
      const substitute = own[0]!.net.model.name;
      const heat = (title: string, of: (pair: Pair) => number | null) =>
        heatmapChart({
          title,
          of: 'images that all nets classify right',
          note: 'Natural: of all clean images',
          n: own[0]!.results.length,
          rows: clean.map(({ net }) => net),
          columns: ['Natural', ...own.map(cellTitle)],
          values: clean.map(({ net, images, correct }) => [
            images === 0 ? null : (100 * correct) / images,
            ...own.map(({ name }) => {
              const rate = of(pairs.find((pair) => pair.cell === name && pair.target === net)!);
              return rate === null ? null : 100 * rate;
            }),
          ]),
          x: { label: 'attack' },
          y: { label: 'target' },
          value: { label: 'accuracy', unit: '%', domain: [0, 100], format: (rate) => rate.toFixed(0) },
        });
      return [
        heat(`From ${substitute}`, ({ accuracy }) => accuracy),
        heat(`From ${substitute}, at l2 ${l2}`, ({ accuracyAtL2 }) => accuracyAtL2),
      ];
    }),
    2,
  );
}

/** The same for the page. */
function transferCharts(
  cells: readonly Cell[],
  pairs: readonly Pair[],
  clean: readonly { net: string; images: number; correct: number }[],
  l2: number,
): PageChart[] {
  return ofNets(cells).flatMap((own) => {
    const substitute = own[0]!.net.model.name;
    const heat = (title: string, of: (pair: Pair) => number | null): PageChart => ({
      kind: 'heat',
      title,
      note: 'accuracy of the target, low where the attack carries over; Natural: of all clean images',
      x: 'attack',
      y: 'target',
      percent: true,
      rows: clean.map(({ net }) => net),
      columns: ['Natural', ...own.map(cellTitle)],
      values: clean.map(({ net, images, correct }) => [
        images === 0 ? null : correct / images,
        ...own.map(({ name }) => of(pairs.find((pair) => pair.cell === name && pair.target === net)!)),
      ]),
    });
    return [
      heat(`From ${substitute}`, ({ accuracy }) => accuracy),
      heat(`From ${substitute}, at l2 ${l2}`, ({ accuracyAtL2 }) => accuracyAtL2),
    ];
  });
}
