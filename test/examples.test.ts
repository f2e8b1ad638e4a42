/** The examples run as they stand, README quotes them as they stand, and what README links to is in the package. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METHODS } from '../attack/methods/index.js';
import { registry } from '../weights/registry.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const { files } = JSON.parse(read('package.json')) as { files: string[] };
/** Within the package, so that its own name leads to it. */
let folder: string;

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')]);
  mkdirSync(join(root, 'dist/examples'), { recursive: true });
  folder = mkdtempSync(join(root, 'dist/examples/run-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs an example as Node would after a compiler took the types away; what it writes goes to a folder of its own. */
async function run(name: string): Promise<string> {
  const { code } = await transform(read(`examples/${name}.ts`), {
    loader: 'ts',
    format: 'esm',
    target: 'node20',
  });
  writeFileSync(join(folder, `${name}.mjs`), code);
  const picture = join(root, 'examples/cat.png');
  mkdirSync(join(folder, 'examples'), { recursive: true });
  writeFileSync(join(folder, 'examples/cat.png'), readFileSync(picture));
  return execFileSync(process.execPath, [`${name}.mjs`], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
}

describe('examples', () => {
  test.each([
    ['attack-image', /^cat -> \w+, l2 0\.\d{3}, SSIM 0\.9\d{3}\n$/],
    ['engine', /^gradient of 192 pixels, norm 0\.0*[1-9]\d*\n$/],
    ['step-by-step', /^step 3: loss [\d.]+.*\n(step \d+: .*\n)+cat -> \w+\n$/],
    ['custom-kernel', /^99 doubled is 198\n$/],
    ['train-cnn', /^loss 1\.\d\d -> 0\.\d\d, 1[3-6] of 16 right\n$/],
  ])('%s', async (name, output) => {
    expect(await run(name)).toMatch(output);
    if (name === 'attack-image') expect(existsSync(join(folder, 'adversarial.png'))).toBe(true);
  });

  test('docs/training.md shows the loop of one’s own as it is', () => {
    const code = read('examples/train-cnn.ts');
    expect(read('docs/training.md')).toContain(code.slice(code.indexOf('import')).trim());
  });

  test('each is one of those, or the page that the browser’s test runs', () => {
    const names = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.ts'));
    expect(names.sort()).toEqual(
      ['attack-image', 'custom-kernel', 'engine', 'page', 'step-by-step', 'train-cnn'].map(
        (name) => `${name}.ts`,
      ),
    );
  });
});

describe('pages', () => {
  test.each([
    ['README.md', 2],
    ['docs/library.md', 3],
    ['docs/engine.md', 2],
  ])('%s quotes examples to the letter', (page, count) => {
    const quotes = [...read(page).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
    const examples = readdirSync(join(root, 'examples'))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => read(`examples/${file}`));
    expect(quotes).toHaveLength(count);
    for (const quote of quotes) expect(examples).toContain(quote);
  });

  test('README names every method and every net', () => {
    const text = read('README.md');
    const names = [...METHODS, ...registry].map(({ name }) => name);
    expect(names.filter((name) => !text.includes(`\`${name}\``) && !/_bn$/.test(name))).toEqual([]);
    for (const { accuracy, url } of registry)
      if (url === undefined) expect(text).toContain(`${(100 * accuracy).toFixed(2)} %`);
  });

  test('commands to copy name the package, since `npx cfr` would fetch another one', () => {
    const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`)].filter(
      (file) => file.endsWith('.md'),
    );
    const blocks = pages.flatMap((page) => [...read(page).matchAll(/```[a-z]*\n([\s\S]*?)```/g)]);
    const commands = blocks.flatMap(([, text]) => text!.match(/\bnpx .*/g) ?? []);
    expect(commands.length).toBeGreaterThan(5);
    expect(commands.filter((command) => !command.startsWith('npx cfr-attack '))).toEqual([]);
    expect(read('README.md')).toContain('`npm install cfr-attack`');
  });

  test('links only to what is in the package, as the registry’s page has nothing else', () => {
    const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`)].filter(
      (file) => file.endsWith('.md'),
    );
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .map(([, target]) => join(page, '..', target!))
        .filter(
          (target) =>
            !existsSync(join(root, target)) ||
            !(target === 'LICENSE' || files.some((file) => target === file || target.startsWith(`${file}/`))),
        )
        .map((target) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });
});
