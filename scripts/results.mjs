/**
 * Runs the paper's evaluation on CIFAR-10, has it judged again by PyTorch, and writes docs/results.md from what came out.
 *
 *     node scripts/results.mjs [NAME ...] [--python PYTHON] [--data DATASET] [--out FOLDER]
 *
 * NAME: of results-studies.mjs; without one only the page is written. Finished cells stay in FOLDER (default out/results): the same command goes on.
 * PYTHON: one with torch, numpy, pillow and safetensors, for test/golden/referee.py; without one the page says that nobody judged again.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { KEPT, readResults, resultsPage } from './results-page.mjs';
import { STUDIES } from './results-studies.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string' },
    data: { type: 'string', default: 'cifar10' },
    out: { type: 'string', default: join(root, 'out', 'results') },
  },
});

for (const name of positionals) {
  const study = STUDIES.find((each) => each.name === name);
  if (!study)
    throw new Error(`results: expected of ${STUDIES.map((each) => each.name).join(', ')}, got "${name}"`);
  run(study);
}
writeFileSync(join(root, 'docs', 'results.md'), resultsPage(readResults()));

function run({ name, argv, pictures = false }) {
  const out = join(values.out, name);
  const shared = ['--dataset', values.data, '--out', out, '--cells', join(values.out, 'cells')];
  const said = spawnSync(process.execPath, [join(root, 'bin', 'cfr.mjs'), ...argv, ...shared], {
    stdio: 'inherit',
  });
  if (said.status !== 0) throw new Error(`results: ${name} ended with ${said.status ?? said.signal}`);
  mkdirSync(KEPT, { recursive: true });
  const files = {
    'results.json': 'json',
    'table.md': 'md',
    'figure.svg': 'svg',
    ...(pictures ? { 'images.png': 'png' } : {}),
  };
  for (const [file, ending] of Object.entries(files))
    copyFileSync(join(out, file), join(KEPT, `${name}.${ending}`));
  // The same images wherever they lie.
  const kept = join(KEPT, `${name}.json`);
  writeFileSync(kept, readFileSync(kept, 'utf8').replace(`"${values.data} sha256:`, '"cifar10 sha256:'));
  writeFileSync(
    join(KEPT, `${name}.run.json`),
    `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), adapter: adapter(), referee: referee(out) }, null, 2)}\n`,
  );
}

function adapter() {
  const text = execFileSync(process.execPath, [join(root, 'bin', 'cfr.mjs'), 'doctor', '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { name, driver, software } = JSON.parse(text).adapter;
  return `${name} ${driver}${software ? ' (CPU)' : ''}`;
}

/** What the referee says of a study: its last line. A figure that differs stops everything. */
function referee(out) {
  if (!values.python) return null;
  const argv = [join(root, 'test', 'golden', 'referee.py'), out, '--cells', join(values.out, 'cells')];
  const { status, stdout, stderr } = spawnSync(values.python, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`results: the referee disagrees:\n${stdout}${stderr}`);
  return stdout.trim().split('\n').at(-1).replace(`${out}: `, '');
}
