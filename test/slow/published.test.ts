/**
 * The package as it is published: packed, installed into an empty folder, and used from there under Node, in TypeScript with both module resolutions,
 * by esbuild and by Vite. Needs the registry for its dependencies.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
const EXAMPLES = ['attack-image', 'custom-kernel', 'engine', 'step-by-step'];
let folder: string;
let tarball: string;

const run = (command: string, args: readonly string[], cwd = folder) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 26 });
const tsc = (...args: string[]) => {
  try {
    return run(process.execPath, [require.resolve('typescript/bin/tsc'), ...args]);
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
};
const write = (name: string, content: unknown) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cfr-package-'));
  run(process.execPath, [join(root, 'scripts/build.mjs'), '--types'], root);
  const packed = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root),
  ) as { filename: string }[] | Record<string, { filename: string }>;
  tarball = join(folder, Object.values(packed)[0]!.filename);
  write('package.json', { name: 'empty', private: true, type: 'module' });
  run('npm', ['install', '--no-audit', '--no-fund', tarball]);
  cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the packed package', { timeout: 600_000 }, () => {
  test('holds what it needs and nothing of the workshop', () => {
    const files = readdirSync(join(folder, 'node_modules/cfr-attack'), { recursive: true, encoding: 'utf8' });
    for (const needed of [
      'bin/cfr.mjs',
      'dist/cli.js',
      'dist/browser.js',
      'dist/lib/index.js',
      'dist/types/index.d.ts',
      'weights/files/resnet18-cifar10.safetensors',
      'scripts/install-driver.sh',
      'docs/command-line.md',
      'LICENSE',
    ])
      expect(files).toContain(needed);
    expect(
      files.filter((file) =>
        /\.test\.|ci-summary|setup\.mjs|peers\/.*js|\.ci|^test\/golden\/.*s$|dist\/(web|examples)|\.pth$/.test(
          file,
        ),
      ),
    ).toEqual([]);
  });

  test.each(EXAMPLES)('example %s runs under Node', async (name) => {
    await build({
      entryPoints: [join(folder, `examples/${name}.ts`)],
      outfile: join(folder, `${name}.mjs`),
      format: 'esm',
    });
    expect(run(process.execPath, [`${name}.mjs`])).not.toBe('');
  });

  test.each([
    ['nodenext', { module: 'nodenext' }],
    ['bundler', { module: 'esnext', moduleResolution: 'bundler' }],
  ])('types are strict and whole: %s', (_, resolution) => {
    const options = {
      strict: true,
      noEmit: true,
      target: 'es2022',
      lib: ['es2022', 'dom', 'dom.iterable'],
      types: ['node'],
    };
    const typeRoots = [join(root, 'node_modules/@types')];
    // The declarations themselves are checked as well.
    write('tsconfig.json', {
      compilerOptions: { ...options, ...resolution, typeRoots, skipLibCheck: false },
      include: ['examples/*.ts'],
    });
    expect(tsc('-p', '.')).toBe('');
    write(
      'wrong.ts',
      "import { readImage } from 'cfr-attack/browser'; import { createEngine } from 'cfr-attack'; createEngine(3);",
    );
    const wrong = tsc(
      '--noEmit',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--skipLibCheck',
      '--typeRoots',
      typeRoots[0]!,
      'wrong.ts',
    );
    expect(wrong).toMatch(/has no exported member.*readImage/);
    expect(wrong).toMatch(/Argument of type 'number'|has no properties in common/);
  });

  test('esbuild and Vite bundle a page, and drop what it does not use', async () => {
    write('page/index.html', '<script type="module" src="main.ts"></script>');
    write('page/main.ts', "import { ssim } from 'cfr-attack'; globalThis.result = ssim;");
    const { outputFiles } = await build({
      absWorkingDir: folder,
      entryPoints: ['examples/page.ts'],
      bundle: true,
      format: 'esm',
      write: false,
    });
    expect(outputFiles[0]!.text).toContain('requestAdapter');
    const { build: vite } = await import('vite');
    await vite({ root: join(folder, 'page'), logLevel: 'silent', configFile: false });
    const assets = join(folder, 'page/dist/assets');
    const [script] = readdirSync(assets).filter((file) => file.endsWith('.js'));
    expect(readFileSync(join(assets, script!), 'utf8').length).toBeLessThan(10_000);
  });

  test('npx cfr-attack starts the program', () => {
    expect(run('npx', ['--no-install', 'cfr-attack', 'attack', '--help'])).toMatch(/Usage: cfr attack/);
    expect(run('npx', ['--no-install', 'cfr-attack', 'classify', '--json', 'examples/cat.png'])).toContain(
      '"label": "cat"',
    );
  });

  test('publint and arethetypeswrong find nothing', () => {
    expect(
      run(process.execPath, [join(root, 'node_modules/publint/src/cli.js'), 'run', tarball, '--strict']),
    ).toContain('All good');
    const attw = join(dirname(require.resolve('@arethetypeswrong/cli/package.json')), 'dist/index.js');
    // It exits with an error on a problem; what it ignores by the profile are CommonJS and Node 10.
    const lines = run(process.execPath, [attw, tarball, '--profile', 'esm-only']).split('\n');
    expect(lines.filter((line) => line.includes('bundler: 🟢'))).toHaveLength(4);
    expect(lines.filter((line) => /💀|❌|⚠️/.test(line) && !line.includes('ignored'))).toEqual([]);
  });
});
