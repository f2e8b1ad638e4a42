/** Rates with their intervals as bars, one under the other. */
import { wilson } from '../../statistics.js';
import { percentText } from '../format.js';

export interface Rate {
  readonly name: string;
  readonly count: number;
  readonly of: number;
}

export interface RatesProps {
  readonly label: string;
  readonly rates: readonly Rate[];
  readonly chosen?: string | undefined;
  readonly onChoose?: (name: string) => void;
}

export function Rates({ label, rates, chosen, onChoose }: RatesProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
    <section class="matrix-scroll" aria-label={label} tabIndex={0}>
      <table class="rates">
        <thead class="hidden">
          <tr>
            <th scope="col">class</th>
            <td>rate</td>
            <th scope="col">rate</th>
            <th scope="col">images</th>
          </tr>
        </thead>
        <tbody>
          {rates.map(({ name, count, of }) => {
            const interval = wilson(count, of);
            return (
              <tr key={name}>
                <th scope="row">
                  {onChoose ? (
                    <button type="button" aria-pressed={chosen === name} onClick={() => onChoose(name)}>
                      {name}
                    </button>
                  ) : (
                    name
                  )}
                </th>
                <td>
                  <div class="track" aria-hidden="true">
                    <div
                      class="fill"
                      style={{ width: percentText(of === 0 ? 0 : count / of).replace(' ', '') }}
                    />
                    {interval && (
                      <div
                        class="range"
                        style={{
                          left: `${100 * interval.low}%`,
                          width: `${100 * (interval.high - interval.low)}%`,
                        }}
                      />
                    )}
                  </div>
                </td>
                <td class="number">{of === 0 ? '–' : percentText(count / of, 0)}</td>
                <td class="number muted">
                  {count} / {of}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
