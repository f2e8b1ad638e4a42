/** The curves of a training run: the loss by step, the accuracies by epoch. */
import { lineChart, stackCharts } from './charts.js';
import { meansOf } from './curve-text.js';

/** Points of the loss curve at most: each is the mean of the steps that it stands for. */
const MOST_POINTS = 300;

interface EpochAccuracy {
  readonly epoch: number;
  readonly train: number;
  readonly test: number;
  readonly robust?: number;
}

/**
 * @param losses mean loss of each step
 * @param batch images of a step
 * @returns an SVG document
 */
export function trainingCharts(
  name: string,
  losses: readonly number[],
  batch: number,
  rows: readonly EpochAccuracy[],
): string {
  const means = meansOf(losses, MOST_POINTS);
  const width = losses.length / means.length;
  const loss = lineChart({
    title: `Training of ${name}`,
    of: 'images behind each point',
    n: Math.round(width * batch),
    width: 720,
    height: 360,
    marks: false,
    x: { label: 'step' },
    y: { label: 'loss' },
    series: [{ name: 'loss', points: means.map((y, i) => ({ x: Math.round((i + 0.5) * width), y })) }],
  });
  const robust = rows.some((row) => row.robust !== undefined);
  const accuracies = lineChart({
    title: 'Accuracy',
    of: 'epochs',
    n: rows.length,
    width: 720,
    height: 360,
    x: { label: 'epoch' },
    y: { label: 'accuracy', domain: [0, 1], format: (value) => value.toFixed(1) },
    series: [
      { name: 'test', points: rows.map(({ epoch, test }) => ({ x: epoch, y: test })) },
      { name: 'train, augmented', points: rows.map(({ epoch, train }) => ({ x: epoch, y: train })) },
      ...(robust
        ? [{ name: 'test under PGD', points: rows.map((row) => ({ x: row.epoch, y: row.robust ?? 0 })) }]
        : []),
    ],
  });
  return stackCharts([loss, accuracies]);
}
