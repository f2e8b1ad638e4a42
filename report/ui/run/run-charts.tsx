/** What the images come to, as charts that filter them. */
import { useMemo, useState } from 'preact/hooks';
import { outcomeOf } from '../../page-data.js';
import { robustnessCurve, shownReach, sizesOf } from '../../statistics.js';
import { FEW, Histogram } from '../charts/histogram.js';
import { Lines } from '../charts/lines.js';
import { Matrix } from '../charts/matrix.js';
import { ChartCard } from '../charts/plot.js';
import { Rates } from '../charts/rates.js';
import { Scatter } from '../charts/scatter.js';
import { className, NORMS_SHOWN, percentText } from '../format.js';
import { Segments } from '../segments.js';
import { changeText, outcomeNames, useRun } from './context.js';
import {
  byClass,
  MEASURE_DIGITS,
  MEASURE_NAMES,
  MEASURES,
  type MeasureName,
  measureOf,
  transitions,
} from './images.js';

/** Rows and columns of the matrix at most. */
const MOST_CLASSES = 20;

export function RunCharts() {
  const { images, filter, setFilter } = useRun();
  const fooled = useMemo(() => images.filter((image) => outcomeOf(image) === 'fooled'), [images]);
  const few = fooled.length < FEW;
  const shown: readonly MeasureName[] = few ? MEASURES.slice(0, 5) : ['l2', 'linf', 'ssim', 'confidence'];
  return (
    <section aria-labelledby="charts">
      <h2 id="charts">At a glance</h2>
      <div class="charts two">
        <RobustnessCurve />
        <ClassRates />
        <Transitions />
        {!few && <ConfidenceScatter />}
      </div>
      <div class="charts four">
        {shown.map((name) => (
          <ChartCard
            key={name}
            title={`${name === 'confidence' ? 'Adversarial confidence' : MEASURE_NAMES[name]} of the fooled images`}
          >
            <Histogram
              name={MEASURE_NAMES[name]}
              digits={MEASURE_DIGITS[name]}
              values={fooled.map((image) => measureOf(image, name))}
              chosen={filter.ranges[name]}
              onChoose={(range) => {
                const { [name]: _, ...rest } = filter.ranges;
                setFilter({ ...filter, ranges: range ? { ...rest, [name]: range } : rest });
              }}
            />
          </ChartCard>
        ))}
      </div>
    </section>
  );
}

function RobustnessCurve() {
  const { images, page } = useRun();
  const [norm, setNorm] = useState(page.norm);
  const right = useMemo(() => images.filter(({ correct }) => correct), [images]);
  const sizes = sizesOf(right, norm);
  const most = Math.max(shownReach([sizes]), ...sizes.filter(Number.isFinite).map((size) => size * 1.02));
  return (
    <ChartCard
      title={
        page.labelled ? 'Accuracy left, by size of perturbation' : 'Predictions kept, by size of perturbation'
      }
      note={`${right.length} images${page.labelled ? ' that are right when clean' : ''}`}
      actions={<Segments label="Norm" choices={NORMS_SHOWN} chosen={norm} onChoose={setNorm} />}
    >
      <Lines
        label={`Share of images not yet fooled, over ${norm}`}
        x={norm}
        y={page.labelled ? 'accuracy' : 'kept'}
        percent
        xDomain={[0, most]}
        yDomain={[0, 1]}
        series={[{ name: 'accuracy', points: robustnessCurve(sizes, most) }]}
      />
    </ChartCard>
  );
}

function ClassRates() {
  const { images, page, filter, setFilter } = useRun();
  const rates = useMemo(() => byClass(images), [images]);
  const names = rates.map(({ label, ...rate }) => ({ name: className(label, page.classes), label, ...rate }));
  const { label } = filter;
  return (
    <ChartCard title="Success by class" note="with 95 % intervals; a class filters the images">
      <Rates
        label="Success by class"
        rates={names}
        chosen={label === undefined ? undefined : className(label, page.classes)}
        onChoose={(name) => {
          const found = names.find((rate) => rate.name === name)!.label;
          setFilter({ ...filter, label: found === label ? undefined : found });
        }}
      />
    </ChartCard>
  );
}

function Transitions() {
  const { images, page, filter, setFilter } = useRun();
  const { rows, columns, counts, left } = useMemo(() => transitions(images, MOST_CLASSES), [images]);
  if (rows.length === 0) return null;
  const most = Math.max(...counts.flat());
  const name = (index: number) => className(index, page.classes);
  return (
    <ChartCard
      title="From class to class"
      note={`fooled images: clean class down, adversarial across${left > 0 ? `; ${left} of rarer classes left out` : ''}`}
    >
      <Matrix
        label="Clean class by adversarial class"
        upright
        rows={rows.map(name)}
        columns={columns.map(name)}
        most={most}
        cells={rows.map((row, r) =>
          columns.map((column, c) => {
            const value = counts[r]![c]!;
            return {
              value,
              text: value === 0 ? '·' : String(value),
              title: `${name(row)} to ${name(column)}: ${value}`,
              chosen: filter.label === row && filter.to === column,
            };
          }),
        )}
        onChoose={(r, c) => {
          const [label, to] = [rows[r]!, columns[c]!];
          const again = filter.label === label && filter.to === to;
          setFilter({ ...filter, label: again ? undefined : label, to: again ? undefined : to });
        }}
      />
    </ChartCard>
  );
}

function ConfidenceScatter() {
  const { images, page, open } = useRun();
  const points = useMemo(
    () =>
      images
        .filter(({ correct }) => correct)
        .map((image) => ({
          key: image.index,
          x: image.l2,
          y: image.adversarial.confidence,
          tone: outcomeOf(image),
          title: `${changeText(image, page.classes)}, l2 ${image.l2.toFixed(3)}, ${percentText(image.adversarial.confidence)}`,
        })),
    [images, page],
  );
  const tones = [...new Set(points.map(({ tone }) => tone))];
  return (
    <ChartCard
      title="l2 against confidence"
      note={
        <>
          of the net in the adversarial image’s class; a point opens its image.{' '}
          {tones.length > 1 &&
            tones.map((tone) => (
              <span key={tone} class={tone}>
                ● {outcomeNames(page.labelled)[tone]}{' '}
              </span>
            ))}
        </>
      }
    >
      <Scatter
        label="Confidence in the adversarial class over l2, a point an image"
        x={{ label: 'l2' }}
        y={{ label: 'confidence', format: (value) => `${Math.round(100 * value)} %` }}
        points={points}
        onChoose={open}
      />
    </ChartCard>
  );
}
