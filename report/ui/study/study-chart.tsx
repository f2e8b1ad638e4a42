/** A chart that an experiment describes. */
import type { PageChart } from '../../page-data.js';
import { Lines, seriesColour } from '../charts/lines.js';
import { Matrix } from '../charts/matrix.js';
import { ChartCard } from '../charts/plot.js';
import { percentText, short } from '../format.js';

export function StudyChart({ chart }: { readonly chart: PageChart }) {
  const { title, note } = chart;
  // What fills a bar, and a cell.
  const most = (values: readonly (number | null)[]) =>
    chart.percent ? 1 : Math.max(0, ...values.map((value) => value ?? 0));
  const text = (value: number) => (chart.percent ? percentText(value, 0) : short(value));
  return (
    <ChartCard title={title} note={note}>
      {chart.kind === 'lines' && (
        <Lines
          label={title}
          x={chart.x}
          y={chart.y}
          percent={chart.percent}
          {...(chart.percent ? { yDomain: [0, 1] as const } : {})}
          marks
          height={300}
          series={chart.series}
          places={chart.places}
        />
      )}
      {chart.kind === 'heat' && (
        <Matrix
          label={title}
          corner={`${chart.y} ↓  ${chart.x} →`}
          rows={chart.rows}
          columns={chart.columns}
          most={most(chart.values.flat())}
          cells={chart.values.map((row, r) =>
            row.map((value, c) => ({
              value,
              text: value === null ? '–' : text(value),
              title: `${chart.rows[r]}, ${chart.columns[c]}: ${value === null ? 'none' : text(value)}`,
            })),
          )}
        />
      )}
      {chart.kind === 'bars' && (
        <Bars
          chart={chart}
          most={most(chart.series.flatMap(({ bars }) => bars.map((bar) => bar?.high ?? bar?.value ?? 0)))}
          text={text}
        />
      )}
    </ChartCard>
  );
}

interface BarsProps {
  readonly chart: Extract<PageChart, { kind: 'bars' }>;
  /** The value of a full bar. */
  readonly most: number;
  text(value: number): string;
}

function Bars({ chart, most, text }: BarsProps) {
  const share = (value: number) => `${most > 0 ? (100 * value) / most : 0}%`;
  return (
    <div class="bar-groups">
      {chart.names.map((name, i) => (
        <div key={name}>
          <h4>{name}</h4>
          <table class="rates">
            <thead class="hidden">
              <tr>
                <th scope="col">{chart.y}</th>
                <td>bar</td>
                <th scope="col">value</th>
              </tr>
            </thead>
            <tbody>
              {chart.series.map(({ name: series, bars }, s) => {
                const bar = bars[i];
                return (
                  <tr key={series}>
                    <th scope="row">{series}</th>
                    <td>
                      <div class="track" aria-hidden="true">
                        <div
                          class="fill"
                          style={{ width: share(bar?.value ?? 0), background: seriesColour(s) }}
                        />
                        {bar?.low !== undefined && bar.high !== undefined && (
                          <div
                            class="range"
                            style={{ left: share(bar.low), width: share(bar.high - bar.low) }}
                          />
                        )}
                      </div>
                    </td>
                    <td class="number">{bar ? text(bar.value) : '–'}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      ))}
    </div>
  );
}
