/**
 * Bundles `dist/`: the library for Node and for browsers, and the command line. Shaders become text within the bundles.
 *
 *     node scripts/build.mjs [--types]      --types: also the type declarations (dist/types), for publishing
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { pageForEsbuild } from './page-bundle.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

const common = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  loader: { '.wgsl': 'text' },
  sourcemap: true,
  outdir: dist,
  logLevel: 'warning',
  write: false,
};
const forNode = {
  ...common,
  platform: 'node',
  target: 'node20',
  packages: 'external',
  plugins: [pageForEsbuild],
};
const forBrowsers = { ...common, platform: 'browser', target: 'es2022' };

/** Bundles everything; under each name there is always a whole file, also while another process builds. */
export async function build() {
  const { build: bundle } = await import('esbuild');
  const bundles = await Promise.all([
    bundle({ ...forNode, entryPoints: { index: 'index.ts', cli: 'cli/main.ts' } }),
    bundle({ ...forBrowsers, entryPoints: { browser: 'browser.ts' } }),
  ]);
  mkdirSync(dist, { recursive: true });
  for (const { path, contents } of bundles.flatMap((result) => result.outputFiles)) {
    const temporary = join(dirname(path), `.${process.pid}-${basename(path)}`);
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
  }
}

function declareTypes() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  rmSync(join(dist, 'types'), { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('type declarations: tsc failed, see above');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await build();
    if (process.argv.includes('--types')) declareTypes();
  } catch (error) {
    // esbuild has printed its own errors with their source lines.
    if (!error.errors) console.error(error.message);
    process.exitCode = 1;
  }
}
