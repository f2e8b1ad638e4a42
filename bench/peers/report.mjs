/** The table on stdout. */

const COLUMNS = [28, 10, 10, 9, 9, 10, 10, 9, 10, 9];
const HEADS = [
  'work',
  'ours ms',
  'median',
  'GFLOP/s',
  'ceiling',
  'peer ms',
  'median',
  'GFLOP/s',
  'peer:ours',
  'NMSE',
];

const row = (cells) =>
  `  ${cells.map((cell, i) => (i === 0 ? cell.padEnd(COLUMNS[i]) : cell.padStart(COLUMNS[i]))).join('')}`;

export const TABLE_HEAD = row(HEADS);

/**
 * Times are of one run of the whole batch: the least and the median. `peer:ours` is the ratio of the least times, above 1 where
 * ours is faster.
 */
export function lineOf(record, { fmaGflops }) {
  const { unit, skipped, ours, theirs, faster, nmse } = record;
  if (skipped) return `  ${(unit ?? '').padEnd(COLUMNS[0])}${unit ? ' ' : ''}not timed: ${skipped}`;
  return row([
    unit,
    milliseconds(ours.min),
    milliseconds(ours.median),
    ours.gflops.toFixed(1),
    `${((100 * ours.gflops) / fmaGflops).toFixed(0)} %`,
    milliseconds(theirs.min),
    milliseconds(theirs.median),
    theirs.gflops.toFixed(1),
    `${faster.toFixed(2)}x`,
    nmse === undefined ? '' : nmse === 0 ? '0' : nmse.toExponential(0),
  ]);
}

const milliseconds = (ms) => ms.toFixed(ms < 10 ? 3 : ms < 1000 ? 1 : 0);
