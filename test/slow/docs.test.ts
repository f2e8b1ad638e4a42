/** The library reference builds: every export and every member of it has a docstring, no link of docstrings and pages leads nowhere. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../cli-fakes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const typedoc = join(dirname(createRequire(import.meta.url).resolve('typedoc/package.json')), 'bin/typedoc');

function build(...options: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [typedoc, ...options], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, said: stdout + stderr };
}

test('the reference is built without a warning, and has what the package exports', () => {
  const folder = temporaryFolder();
  const { status, said } = build('--out', folder);
  expect([status, said]).toEqual([0, expect.stringContaining('html generated')]);
  const page = (name: string) => readFileSync(join(folder, name), 'utf8');
  expect(readdirSync(join(folder, 'modules'))).toHaveLength(4);
  expect(page('functions/cfr-attack.attackImage.html')).toContain('Attacks one image of any size');
  // Shapes in brackets are text, not the links that Markdown may take them for.
  expect(page('interfaces/cfr-attack.AttackResult.html')).toContain('[n, 3, h, w]');
});

test('what has no docstring fails', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'index.ts'), '/** Told. */\nexport const told = 1;\nexport const untold = 2;\n');
  writeFileSync(join(folder, 'tsconfig.json'), '{"files":["index.ts"],"compilerOptions":{"types":[]}}');
  // The project's own options, for another entry point.
  const options = {
    extends: [join(root, 'typedoc.jsonc')],
    entryPoints: ['index.ts'],
    tsconfig: 'tsconfig.json',
    emit: 'none',
    intentionallyNotExported: [],
    projectDocuments: [],
    readme: 'none',
  };
  writeFileSync(join(folder, 'typedoc.json'), JSON.stringify(options));
  const { status, said } = build('--options', join(folder, 'typedoc.json'));
  expect(status).not.toBe(0);
  expect(said).toMatch(/untold .*does not have any documentation/);
  expect(said).not.toMatch(/\btold \(/);
});
