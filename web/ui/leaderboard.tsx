/** The methods beside each other on this image, each with as many steps as the same number of passes pays for. */
import { useSignal } from '@preact/signals';
import { chooseMethod, runLeaderboard, stopLeaderboard } from '../actions.js';
import type { LeaderboardRow } from '../protocol.js';
import { budget, leaderboard, leaderboardError, leaderboardLeft, net, ready, requests } from '../state.js';
import { seconds, short, similarity } from './format.js';

type Key = 'l2' | 'linf' | 'l0' | 'ssim' | 'propagations' | 'milliseconds';

const COLUMNS: readonly { key: Key; title: string; show(value: number): string; descending?: boolean }[] = [
  { key: 'l2', title: 'l2', show: short },
  { key: 'linf', title: 'largest', show: (value) => `${Math.round(value * 255)}/255` },
  { key: 'l0', title: 'values', show: String },
  { key: 'ssim', title: 'SSIM', show: similarity, descending: true },
  { key: 'propagations', title: 'passes', show: String },
  { key: 'milliseconds', title: 'time', show: seconds },
];

export function Leaderboard() {
  const by = useSignal<Key>('l2');
  const left = leaderboardLeft.value;
  const rows = ranked(leaderboard.value, by.value);
  const { settings } = requests.value[0];
  return (
    <section class="leaderboard" aria-labelledby="leaderboard-title">
      <header>
        <div>
          <h2 id="leaderboard-title">All methods on this image</h2>
          <p class="small">
            At equal cost: passes through the net, forward and backward. Region:{' '}
            {settings.region ?? "each method's own"}. Sorted by what is least visible; each method makes its
            own norm small.
          </p>
        </div>
        <div class="row end">
          <label>
            passes{' '}
            <select
              value={String(budget.value)}
              onChange={({ currentTarget }) => {
                budget.value = Number(currentTarget.value);
              }}
            >
              {[20, 60, 200, 1000].map((count) => (
                <option key={count}>{count}</option>
              ))}
            </select>
          </label>
          {left === undefined ? (
            <button type="button" disabled={!ready.value} onClick={runLeaderboard}>
              Rank them
            </button>
          ) : (
            <button type="button" onClick={stopLeaderboard}>
              Stop, {left} left
            </button>
          )}
        </div>
      </header>
      {leaderboardError.value !== undefined && (
        <p class="error" role="alert">
          {leaderboardError.value}
        </p>
      )}
      {rows.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keyboard
        <section class="scroll" tabIndex={0} aria-label="Methods by result">
          <table>
            <thead>
              <tr>
                <th scope="col">method</th>
                <th scope="col">becomes</th>
                {COLUMNS.map(({ key, title }) => (
                  <th key={key} scope="col" aria-sort={key === by.value ? 'ascending' : 'none'}>
                    <button
                      type="button"
                      onClick={() => {
                        by.value = key;
                      }}
                    >
                      {title}
                    </button>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row key={row.method} row={row} by={by.value} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}

function Row({ row: { method, norm, outcome, why }, by }: { row: LeaderboardRow; by: Key }) {
  const name = (
    <th scope="row">
      <button type="button" onClick={() => chooseMethod(0, method)} title="Choose it above">
        {method}
      </button>{' '}
      <small>{norm}</small>
    </th>
  );
  if (!outcome) {
    return (
      <tr class="out">
        {name}
        <td colSpan={COLUMNS.length + 1}>{why}</td>
      </tr>
    );
  }
  return (
    <tr class={outcome.success ? '' : 'out'}>
      {name}
      <td>{outcome.success ? net.value?.labels[outcome.class] : 'not fooled'}</td>
      {COLUMNS.map(({ key, show }) => (
        <td key={key} class={`number ${key === by ? 'by' : ''}`}>
          {show(outcome[key])}
        </td>
      ))}
    </tr>
  );
}

/** Those that fool by the chosen column, then those that do not, then those that took no part. */
function ranked(rows: readonly LeaderboardRow[], by: Key): LeaderboardRow[] {
  const sign = COLUMNS.find(({ key }) => key === by)!.descending ? -1 : 1;
  const place = ({ outcome }: LeaderboardRow) => (outcome ? (outcome.success ? 0 : 1) : 2);
  return [...rows].sort(
    (a, b) => place(a) - place(b) || (a.outcome && b.outcome ? sign * (a.outcome[by] - b.outcome[by]) : 0),
  );
}
