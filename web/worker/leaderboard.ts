/** Every method on one image at the same cost: as many steps as a number of passes through the net pays for. */
import { fitToBudget } from '../../attack/cost.js';
import { createAttack } from '../../attack/driver.js';
import { predictions } from '../../attack/logits.js';
import { measure } from '../../attack/measures.js';
import type { Method } from '../../attack/method.js';
import { METHODS } from '../../attack/methods/index.js';
import { toTensor } from '../../data/image.js';
import type { Ask, LeaderboardRow, Say } from '../protocol.js';
import type { Bench } from './bench.js';

/** Patches show whatever they like: not within any norm, and not to be compared by one. */
const comparable = METHODS.filter(({ kind, table }) => {
  const settings = Object.fromEntries(Object.entries(table).map(([name, row]) => [name, row.default]));
  return kind(settings as never) !== 'patch';
});

/** Says one row after the other; a method that refuses these settings says why. */
export async function rank(
  bench: Bench,
  ask: Extract<Ask, { kind: 'leaderboard' }>,
  signal: AbortSignal,
  say: (message: Say) => void,
): Promise<void> {
  for (const [done, method] of comparable.entries()) {
    signal.throwIfAborted();
    say({ kind: 'row', row: await rowOf(bench, ask, method, signal), left: comparable.length - done - 1 });
  }
  say({ kind: 'ranked' });
}

async function rowOf(
  bench: Bench,
  { subject, budget, options }: Extract<Ask, { kind: 'leaderboard' }>,
  method: Method,
  signal: AbortSignal,
): Promise<LeaderboardRow> {
  const refused = (why: string): LeaderboardRow => ({
    method: method.name,
    norm: method.norms[0]!,
    outcome: null,
    why,
  });
  try {
    const { model, engine } = bench;
    const fitted = fitToBudget(model, method, options, budget);
    if (!fitted.fits) return refused(`needs at least ${fitted.propagations} passes`);
    const { settings } = fitted;
    const original = bench.prepared(subject.image);
    const x = toTensor(original);
    const label = await bench.labelOf(subject, x);
    const attack = await bench.exclusive(() =>
      createAttack(engine, model, { method: method.name, ...settings }, 1),
    );
    try {
      const labels = Uint32Array.of(label);
      const explanation = await bench.exclusive(() => attack.explain(x, labels));
      const started = performance.now();
      const result = await bench.exclusive(() =>
        attack.run(x, labels, { explanation, indices: [subject.index], signal }),
      );
      const milliseconds = performance.now() - started;
      const shape = { channels: 3, height: original.height, width: original.width };
      return {
        method: method.name,
        norm: method.norm(settings),
        outcome: {
          ...measure(x, result.xAdv, shape),
          success: result.success[0]!,
          class: predictions(result.logitsAdv, model.spec.classes)[0]!,
          propagations: result.forwards[0]! + result.backwards[0]!,
          milliseconds,
        },
      };
    } finally {
      attack.destroy();
    }
  } catch (error) {
    if (signal.aborted) throw error;
    return refused((error as Error).message);
  }
}
