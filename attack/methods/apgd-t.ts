/** Auto-PGD towards one wrong class after the other, the likeliest first. */
import { defineMethod } from '../method.js';
import { integer, SettingError } from '../settings/rows.js';
import { APGD_SLOTS, apgdTable, traceSearches } from './parts/apgd.js';
import { restarts } from './pgd.js';

/** How many of the wrong classes are tried. */
export const targets = integer({
  min: 1,
  max: 100_000,
  default: ({ classes }) => Math.min(9, classes - 1),
  defaultText: '9, or all others',
  help: 'wrong classes that are tried, by their clean logits',
});

/** @throws SettingError where the net has fewer other classes */
export function checkTargets(
  { targets: count }: { targets: number },
  { classes }: { classes: number },
): void {
  if (classes < 3)
    throw new SettingError(
      'targets',
      `expected a net of 3 classes at least, got one of ${classes}; use apgd`,
    );
  if (count > classes - 1)
    throw new SettingError('targets', `expected at most ${classes - 1}, the other classes, got ${count}`);
}

export const apgdT = defineMethod({
  name: 'apgd-t',
  title: 'auto-PGD on the targeted logits ratio, class after class',
  source:
    'Croce and Hein 2020, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks, after the authors’ code; untargeted: any wrong class will do',
  goals: ['untargeted'],
  norms: ['linf', 'l2'],
  kind: ({ minimal }) => (minimal ? 'minimal' : 'budget'),
  settings: { ...apgdTable, targets, restarts },
  slots: APGD_SLOTS,
  check: checkTargets,
  trace: (frame, { norm, iterations, minimal, searches, targets: classes, restarts: each }) =>
    traceSearches(frame, {
      norm,
      iterations,
      loss: 'dlr-aim',
      minimal,
      searches,
      restarts: each,
      runs: classes * each,
    }),
});
