/** Auto-PGD on one loss. */
import { defineMethod } from '../method.js';
import { choice, SettingError } from '../settings/rows.js';
import { APGD_SLOTS, apgdTable, traceSearches } from './parts/apgd.js';
import { restarts } from './pgd.js';

export const apgd = defineMethod({
  name: 'apgd',
  title: 'auto-PGD: steps that halve themselves',
  source:
    'Croce and Hein 2020, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks, after the authors’ code; `minimal` as in adversarial-library',
  goals: ['untargeted', 'targeted'],
  norms: ['linf', 'l2'],
  kind: ({ minimal }) => (minimal ? 'minimal' : 'budget'),
  settings: {
    ...apgdTable,
    loss: choice(['ce', 'dlr'], {
      default: 'ce',
      help: 'cross-entropy, or difference of logits ratio, which no scale of the logits hides',
    }),
    restarts,
  },
  slots: APGD_SLOTS,
  check: ({ loss }, { classes }) => {
    if (loss === 'dlr' && classes < 3)
      throw new SettingError('loss', `expected ce with a net of ${classes} classes, got dlr, which needs 3`);
  },
  trace: (frame, { norm, iterations, loss, minimal, searches, restarts: runs }) =>
    traceSearches(frame, { norm, iterations, loss, minimal, searches, runs }),
});
