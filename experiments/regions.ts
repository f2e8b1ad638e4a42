/**
 * Where the evidence is: accuracy with the CFR set to 0, with everything else set to 0, and with as many random pixels set to 0 (Fig. 2 and 3 of
 * the paper, and a control that it lacks). No attack: an explanation, then the net on three changed images.
 */
import { basename, join } from 'node:path';
import * as v from 'valibot';
import type { Classifier } from '../attack/classifier.js';
import type { Explainers, ExplanationResult } from '../attack/explain.js';
import type { Explanation } from '../attack/explanations.js';
import { argmax, logitsOf } from '../attack/logits.js';
import { fillUniform } from '../attack/random.js';
import type { ExplainSettings } from '../attack/settings/common.js';
import { barChart } from '../report/charts.js';
import { imageFromTensor } from '../report/pictures.js';
import type { Json } from '../report/run-files.js';
import { type Interval, wilson } from '../report/statistics.js';
import { type Column, fixed, percent, type Row } from '../report/table.js';
import { overBatches } from '../run/over-batches.js';
import { average } from './cells.js';
import { intervalText } from './compare.js';
import { publish } from './outputs.js';
import { paperSays } from './paper.js';
import { linePicture, netFingerprint, noteExit, openLines, type StudiedNet, type Study } from './study.js';

/** What is set to 0: nothing, the CFR, all but the CFR, as many pixels as the CFR has anywhere. */
export const CUTS = ['clean', 'cfr', 'non-cfr', 'random'] as const;
export type Cut = (typeof CUTS)[number];

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const lineSchema = v.looseObject({
  index: count,
  label: count,
  /** Of the CFR; 0 where it is empty. */
  pixels: count,
  /** What the net says of each. */
  clean: count,
  cfr: count,
  'non-cfr': count,
  random: count,
});
type Line = v.InferOutput<typeof lineSchema>;

/**
 * An image with pixels set to 0, black.
 * @param x [3, h, w]
 * @param inside which of the h * w pixels are in the CFR
 * @param seed, index fix the random pixels
 */
export function cutImage(
  x: Float32Array,
  inside: readonly boolean[],
  cut: Cut,
  seed: number,
  index: number,
): Float32Array {
  const pixels = inside.length;
  const gone =
    cut === 'random' ? randomPixels(inside, seed, index) : inside.map((is) => is === (cut === 'cfr'));
  if (cut === 'clean') return x;
  return x.map((value, i) => (gone[i % pixels] ? 0 : value));
}

function randomPixels(inside: readonly boolean[], seed: number, index: number): boolean[] {
  const draws = new Float32Array(inside.length);
  fillUniform(draws, seed, index);
  const many = inside.filter(Boolean).length;
  const order = inside.map((_, p) => p).sort((a, b) => draws[a]! - draws[b]! || a - b);
  const chosen = new Set(order.slice(0, many));
  return inside.map((_, p) => chosen.has(p));
}

class Tools {
  constructor(
    readonly explainers: Explainers,
    readonly classifier: Classifier,
  ) {}

  destroy(): void {
    this.explainers.destroy();
    this.classifier.destroy();
  }
}

async function linesOf(
  study: Study,
  net: StudiedNet,
  settings: ExplainSettings,
  seed: number,
): Promise<{ readonly lines: readonly Line[]; readonly name: string }> {
  const fingerprint = {
    regions: settings as unknown as Json,
    seed,
    ...(await netFingerprint(net, study.data)),
  };
  const { lines, append, folder } = await openLines(
    study,
    `regions-${net.model.name}`,
    fingerprint,
    lineSchema,
  );
  const done = new Set(lines.map(({ index }) => index));
  const { height, width, classes } = net.model.spec;
  const pixels = height * width;
  let found: Line[] = [];
  const { exitCode } = await overBatches<Tools>(
    {
      title: 'regions',
      model: net.model,
      source: net.source,
      indices: net.source.indices.filter((index) => !done.has(index)),
      batch: study.data.batch,
      async make(device, batch) {
        const explainers = await device.explainers(net.model, [settings], batch);
        return new Tools(explainers, await device.classifier(net.model, batch));
      },
      async compute({ explainers, classifier }, { pictures, x }) {
        const labels = Uint32Array.from(pictures, ({ label }) => label!);
        const [{ mask, cfr, cfrPixels }] = (await explainers.run(x, labels)) as [ExplanationResult];
        const inside = pictures.map((_, i) =>
          // Where there is no CFR the mask is 1 everywhere.
          Array.from(mask.subarray(i * pixels, (i + 1) * pixels), (value) => cfr[i] === 'ok' && value > 0),
        );
        const said: Partial<Record<Cut, number[]>> = {};
        for (const cut of CUTS) {
          const changed = new Float32Array(x.length);
          for (const [i, { index }] of pictures.entries()) {
            const image = x.subarray(3 * i * pixels, 3 * (i + 1) * pixels);
            changed.set(cutImage(image, inside[i]!, cut, seed, index), 3 * i * pixels);
          }
          // The pixels are those of 8-bit images, or 0: what is saved is what the net sees.
          for (const [i, { index }] of pictures.entries())
            await study.services.writePng(
              join(folder, linePicture(cut, index)),
              imageFromTensor(changed.subarray(3 * i * pixels, 3 * (i + 1) * pixels), { width, height }),
            );
          const logits = await classifier.run(changed);
          said[cut] = pictures.map((_, i) => argmax(logitsOf(logits, i, classes)));
        }
        found = pictures.map(({ index, label }, i) => ({
          index,
          label: label!,
          pixels: cfr[i] === 'ok' ? cfrPixels[i]! : 0,
          clean: said.clean![i]!,
          cfr: said.cfr![i]!,
          'non-cfr': said['non-cfr']![i]!,
          random: said.random![i]!,
        }));
      },
      save: () => append(found),
    },
    study.services,
    study.console,
  );
  noteExit(study, exitCode);
  const wanted = new Set(net.source.indices);
  return {
    lines: lines.filter(({ index }) => wanted.has(index)).sort((a, b) => a.index - b.index),
    name: basename(folder),
  };
}

interface NetRegions {
  readonly net: string;
  readonly weights: string;
  readonly explanation: Explanation;
  /** Of the folder with the images and what the net says of each, below that of the cells. */
  readonly lines: string;
  readonly n: number;
  /** Images with no evidence for their label. */
  readonly empty: number;
  /** Mean share of an image that is its CFR. */
  readonly share: number | null;
  readonly accuracy: Readonly<Record<Cut, { correct: number; rate: number; interval: Interval } | null>>;
}

/** What the lines of a net come to. @param pixels of an image */
export function summariseRegions(
  lines: readonly Line[],
  pixels: number,
): Omit<NetRegions, 'net' | 'weights' | 'explanation' | 'lines'> {
  const n = lines.length;
  const accuracy = Object.fromEntries(
    CUTS.map((cut) => {
      const correct = lines.filter((line) => line[cut] === line.label).length;
      return [cut, n === 0 ? null : { correct, rate: correct / n, interval: wilson(correct, n)! }];
    }),
  ) as NetRegions['accuracy'];
  return {
    n,
    empty: lines.filter((line) => line.pixels === 0).length,
    share: average(lines.map((line) => line.pixels / pixels)),
    accuracy,
  };
}

/** @param settings of each explanation; the CFR is where its map is at least tau */
export async function regions(
  study: Study,
  settings: readonly ExplainSettings[],
  seed: number,
): Promise<void> {
  const nets: NetRegions[] = [];
  for (const net of study.nets) {
    const { height, width } = net.model.spec;
    for (const one of settings) {
      const { lines, name } = await linesOf(study, net, one, seed);
      nets.push({
        net: net.model.name,
        weights: net.digest,
        explanation: one.explanation,
        lines: name,
        ...summariseRegions(lines, height * width),
      });
    }
  }
  const several = settings.length > 1;
  const [{ tau, explainClass, explanation }] = settings as [ExplainSettings];
  const of = explainClass === undefined ? 'the label' : `class ${explainClass}`;
  const told = `tau ${tau}, ${several ? 'explanations' : explanation} of ${of}`;
  const nameOf = ({ net, explanation: own }: NetRegions) =>
    !several ? net : study.nets.length === 1 ? own : `${net}, ${own}`;
  const titles: Readonly<Record<Cut, string>> = {
    clean: 'clean',
    cfr: 'Adv-CFR',
    'non-cfr': 'Adv-non-CFR',
    random: 'random pixels',
  };
  const columns: Column[] = [
    { key: 'net' },
    ...(several ? [{ key: 'explanation' }] : []),
    { key: 'n' },
    { key: 'share', header: 'CFR of image', format: percent(1) },
    { key: 'empty', header: 'no CFR', format: fixed(0) },
    ...CUTS.flatMap((cut) => [
      { key: cut, header: titles[cut], format: percent(1) },
      { key: `${cut} 95 %`, header: '95 %' },
    ]),
    { key: 'fall of cfr', header: 'fall, Adv-CFR', format: percent(1) },
    { key: 'fall of non-cfr', header: 'fall, Adv-non-CFR', format: percent(1) },
  ];
  const rows = nets.map(({ net, explanation: own, n, share, empty, accuracy }): Row => {
    const fall = (cut: Cut) =>
      accuracy.clean && accuracy.clean.rate > 0 ? accuracy.clean.rate - accuracy[cut]!.rate : null;
    const rates = CUTS.flatMap((cut) => [
      [cut, accuracy[cut]?.rate],
      [`${cut} 95 %`, intervalText(accuracy[cut]?.interval ?? null)],
    ]);
    const falls = { 'fall of cfr': fall('cfr'), 'fall of non-cfr': fall('non-cfr') };
    return { net, explanation: own, n, share, empty, ...Object.fromEntries(rates), ...falls };
  });
  await publish(study, {
    title: 'Accuracy without the CFR, and with it alone',
    columns,
    rows,
    figure: barChart({
      title: 'Accuracy with pixels set to 0',
      of: 'images',
      n: nets[0]!.n,
      note: `${told}; whiskers: 95 % intervals`,
      width: Math.max(560, 160 + 150 * nets.length),
      names: nets.map(nameOf),
      x: { label: several && study.nets.length === 1 ? 'explanation' : 'net' },
      y: { label: 'accuracy', unit: '%', domain: [0, 100] },
      series: CUTS.map((cut) => ({
        name: titles[cut],
        bars: nets.map(({ accuracy }) => {
          const own = accuracy[cut];
          if (own === null) return null;
          return { value: 100 * own.rate, low: 100 * own.interval.low, high: 100 * own.interval.high };
        }),
      })),
    }),
    notes: [
      'Adv-CFR: the pixels of the CFR are set to 0 (black); Adv-non-CFR: all others are; random pixels: as many as the CFR has, anywhere. Of all images, ' +
        'with Wilson 95 % intervals; falls in points.',
      `The paper, on other nets: ${paperSays.regions}.`,
    ],
    warnings: [],
    charts: [
      {
        kind: 'bars',
        title: 'Accuracy with pixels set to 0',
        note: `${told}; 95 % intervals`,
        y: 'accuracy',
        percent: true,
        names: nets.map(nameOf),
        series: CUTS.map((cut) => ({
          name: titles[cut],
          bars: nets.map(({ accuracy }) => {
            const own = accuracy[cut];
            return own && { value: own.rate, low: own.interval.low, high: own.interval.high };
          }),
        })),
      },
    ],
    cells: [],
    norm: 'l2',
    document: {
      command: 'regions',
      settings,
      seed,
      data: await study.nets[0]!.source.identity(),
      looked: study.nets[0]!.source.indices,
      nets,
    },
  });
}
