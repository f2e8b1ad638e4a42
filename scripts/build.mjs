/**
 * Makes `dist/`: the library module by module (`dist/lib`), so that a bundler takes what is used of it; the same as one file for pages without
 * a bundler (`dist/browser.js`); and the command line (`dist/cli.js`). Shaders become text.
 *
 *     node scripts/build.mjs [--types]      --types: also the type declarations (dist/types), for publishing
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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

/** What the package exports. */
const LIBRARY = ['index.ts', 'browser.ts', 'engine-node.ts', 'engine/index.ts'];

/** Bundles everything; under each name there is always a whole file, also while another process builds. */
export async function build() {
  const { build: bundle } = await import('esbuild');
  const bundles = await Promise.all([
    bundle({ ...forNode, entryPoints: { cli: 'cli/main.ts' } }),
    bundle({ ...forBrowsers, entryPoints: { browser: 'browser.ts' } }),
    library(bundle),
  ]);
  for (const { path, contents } of bundles.flatMap((result) => result.outputFiles)) {
    mkdirSync(dirname(path), { recursive: true });
    const temporary = join(dirname(path), `.${process.pid}-${basename(path)}`);
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
  }
}

/** Every source that the library needs as a module of its own. */
async function library(bundle) {
  const { metafile } = await bundle({ ...forNode, entryPoints: LIBRARY, metafile: true });
  const sources = Object.keys(metafile.inputs);
  const { outputFiles } = await bundle({
    ...common,
    entryPoints: sources.filter((path) => path.endsWith('.ts')),
    bundle: false,
    sourcemap: false,
    target: 'es2022',
    outbase: root,
    outdir: join(dist, 'lib'),
  });
  const modules = outputFiles.map(({ path, text }) => ({
    path,
    contents: text.replace(/(from\s*"[^"]+\.wgsl)"/g, '$1.js"'),
  }));
  const shaders = sources
    .filter((path) => path.endsWith('.wgsl'))
    .map((path) => ({
      path: join(dist, 'lib', `${path}.js`),
      contents: `export default ${JSON.stringify(withoutComments(readFileSync(join(root, path), 'utf8')))};\n`,
    }));
  return { outputFiles: [...modules, ...shaders] };
}

/** Comments but for the preprocessor's own (`//#if`), and indentation. */
function withoutComments(wgsl) {
  const lines = wgsl.split('\n').map((line) => line.replace(/\/\/(?!#).*$/, '').trim());
  return lines.filter((line) => line !== '').join('\n');
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
