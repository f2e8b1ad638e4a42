/**
 * Writes the table of all methods into docs/methods.md, between its two marks: what the methods say of themselves (`cfr methods --json`), and
 * the notes below. `test/methods-doc.test.ts` fails where the file is behind.
 *
 *     node scripts/methods-doc.mjs
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { markdownTable, withMarkedTable } from './marked-table.mjs';

const FILE = fileURLToPath(new URL('../docs/methods.md', import.meta.url));
const MARKS = ['<!-- methods: begin -->', '<!-- methods: end -->'];

/** Settings that all methods have; told once, above the table. */
const COMMON = ['region', 'explanation', 'explainClass', 'tau', 'maskNorm', 'target', 'seed'];

/**
 * By method: forwards F and backwards B of an image at most, in its settings' names, N is `iterations`; and what is done otherwise than by the
 * source, and why.
 */
const NOTES = {
  'adv-patch': [
    '(N + 1) F, N B; given: 1 F',
    'by default each image has a patch of its own, so that a result does not depend on its batch; largest change of a step instead of an optimiser',
  ],
  alma: [
    '(N + 1) F, N B',
    'l2 with the penalty P2 only; the first step is a setting, as in the authors’ code',
  ],
  apgd: [
    'restarts (N + 2) F, N B each; minimal: times searches',
    'judged on the 8-bit image; a restart that fools ends the image',
  ],
  'apgd-t': ['targets x restarts times (N + 2) F, N B', 'untargeted in the verdict: any wrong class will do'],
  autoattack: [
    '(1 + targets) times (N + 2) F, N B; then queries F',
    'without FAB-T; an image is handed on until its 8-bit image fools',
  ],
  cfr: ['(N + 1) F, N B, and the explanation', 'this program’s own: see the README'],
  'cw-l0': ['(rounds N + 1) F, rounds N B', 'all steps together are bounded, so that a run ends'],
  'cw-l2': [
    '(searches N + 1) F, searches N B',
    'no abort_early, which looks at the whole batch; kappa as in the paper',
  ],
  'cw-linf': [
    '(rounds N + 1) F, rounds N B',
    'what met tau is the image that was judged, not the one after it; all steps together are bounded',
  ],
  ddn: [
    '(N + 1) F, N B',
    'rounds in the loop, as the authors’ code does; then the iterate of the last step is looked at too',
  ],
  deepfool: [
    '(N + 1) F, (candidates - 1) N B',
    'each step is clipped to the box, as in adversarial-library; the paper does not clip',
  ],
  fab: [
    'runs x (2 N F, (candidates - 1) N B) + 1 F',
    'an image that is already wrong is given back as it is; with targets 1 B a step',
  ],
  fgsm: ['2 F, 1 B', 'rounded within the budget'],
  fmn: [
    '(N + 1) F, N B',
    'l2 scales up to the ball, as the authors’ code does; the iterate of the last step is looked at too',
  ],
  ifgsm: ['(N + 1) F, N B', 'rounded once, within the budget'],
  jsma: [
    'per move 1 F, 2 B',
    'slopes of the logits, not of the softmax; channel values are features that may move again, as in cleverhans',
  ],
  lavan: [
    '(N + 1) F, N B, until it fools',
    'the paper gives no scale for its steps: largest change of a step; starts from the image',
  ],
  lbfgs: [
    '(searches N + 1) F, searches N B',
    'the distance is squared, as in cleverhans; has an untargeted form; each trial of the line search is a step',
  ],
  mdi2fgsm: [
    '(N + 1) F, N B',
    'images shrink and are padded to their own size, since a net has one; each image draws for itself',
  ],
  mifgsm: ['(N + 1) F, N B', 'alpha is epsilon / N, as in the paper; libraries take a fixed one'],
  noise: ['1 F', 'a control, of no paper'],
  'one-pixel': [
    'N (population + 1) F, until it fools',
    'stops when it fools, not at a confidence; no crossover, F .5, random parents, as in the paper',
  ],
  pgd: [
    'restarts (N + 1) F, N B each',
    'keeps the restart that fools, else the one of the highest loss; l2 starts in the ball',
  ],
  'rand-fgsm': ['2 F, 1 B', 'rounded within the budget'],
  sdf: [
    '(N + search + 1) F, candidates N B',
    'inner and outer steps share the iterations; each is clipped to the box, as in adversarial-library',
  ],
  'sigma-zero': ['(N + 1) F, N B', 'nothing but the rounding'],
  square: ['queries F', 'places and signs are drawn for each image; the net is asked about 8-bit images'],
  sticker: ['(samples N + 1) F, samples N B', 'bars in the region; without the term for printable colours'],
};

/** @param methods as `cfr methods --json` says them; @returns Markdown */
export function methodsTable(methods) {
  const rows = methods.map(({ name, norms, source, settings }) => {
    if (!NOTES[name])
      throw new Error(`methods-doc: expected a note on method ${name}, got none; add it to NOTES`);
    const [cost, differs] = NOTES[name];
    const defaults = settings
      .filter((setting) => !COMMON.includes(setting.name))
      .map(({ name: setting, defaultText }) => (defaultText ? `${setting} ${defaultText}` : `${setting} -`));
    return [`\`${name}\``, source, norms.join(', '), defaults.join('; '), cost, differs];
  });
  const unknown = Object.keys(NOTES).filter((name) => !methods.some((method) => method.name === name));
  if (unknown.length > 0)
    throw new Error(`methods-doc: expected notes on methods only, got ${unknown.join(', ')}; remove them`);
  const head = [
    'method',
    'source',
    'norms',
    'defaults',
    'cost of an image',
    'done otherwise, or chosen where the source leaves it open',
  ];
  return markdownTable(head, rows);
}

/** `text` with another table between its marks. */
export const withTable = (text, table) => withMarkedTable(text, MARKS, table, 'docs/methods.md');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cfr = fileURLToPath(new URL('../bin/cfr.mjs', import.meta.url));
  const methods = JSON.parse(
    execFileSync(process.execPath, [cfr, 'methods', '--json'], { encoding: 'utf8' }),
  );
  writeFileSync(FILE, withTable(readFileSync(FILE, 'utf8'), methodsTable(methods)));
}
