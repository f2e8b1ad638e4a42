/**
 * The package as npm would publish it: the same bytes twice; packed, installed into an empty folder, and used from there as command line and
 * library, under Node, in TypeScript with both module resolutions, by esbuild and by Vite. Needs the registry for its dependencies.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../cli-fakes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
/** Those that run by themselves; `page` is a part of a page. */
const EXAMPLES = readdirSync(join(root, 'examples'))
  .filter((file) => file.endsWith('.ts') && file !== 'page.ts')
  .map((file) => file.slice(0, -3));

/** What a command says on stdout. Where it fails, what it says on both is the error. */
function run(command: string, argv: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, argv, { cwd, encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 26 });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${argv.join(' ')}: ${stdout}\n${stderr}`);
  }
}

/** A checkout of what git has, without what a build left, and its archive. */
function packed(): { readonly archive: string; readonly digest: string; readonly files: string[] } {
  const checkout = join(temporaryFolder(), 'checkout');
  mkdirSync(checkout);
  const known = run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], root);
  for (const name of known.split('\0')) {
    if (name && existsSync(join(root, name))) cpSync(join(root, name), join(checkout, name));
  }
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  // An array, or from a later npm on an object by name.
  const made = JSON.parse(run('npm', ['pack', '--json'], checkout)) as Record<
    string,
    { filename: string; files: { path: string }[] }
  >;
  const [{ filename, files }] = Object.values(made) as [(typeof made)[string]];
  const archive = join(checkout, filename);
  return {
    archive,
    digest: createHash('sha256').update(readFileSync(archive)).digest('hex'),
    files: files.map(({ path }) => path),
  };
}

let first: ReturnType<typeof packed>;
/** Empty but for the installed package and the examples. */
let folder: string;
const write = (name: string, content: unknown) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
};

beforeAll(() => {
  first = packed();
  folder = temporaryFolder();
  write('package.json', { name: 'empty', private: true, type: 'module' });
  run('npm', ['install', '--no-audit', '--no-fund', first.archive], folder);
  cpSync(join(root, 'examples'), join(folder, 'examples'), { recursive: true });
}, 900_000);

describe('the archive', { timeout: 900_000 }, () => {
  test('has the same bytes when it is built again in another folder', () => {
    expect(packed().digest).toBe(first.digest);
  });

  test('holds what it says and nothing of the workshop', () => {
    expect(first.files).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'bin/cfr.mjs',
        'dist/browser.js',
        'dist/cli.js',
        'dist/lib/index.js',
        'dist/types/index.d.ts',
        'docs/command-line.md',
        'docs/reliability.md',
        'examples/cluster/Dockerfile',
        'scripts/install-driver.sh',
        'weights/README.md',
        'weights/files/resnet18-cifar10.safetensors',
      ]),
    );
    const workshop =
      /^(node_modules|out|\.ci)\/|^test\/.*\.(?!md$)[a-z]+$|\.test\.|ci-summary|setup\.mjs|peers\/.*js|dist\/(web|examples)|\.(pth|tgz)$/;
    expect(first.files.filter((name) => workshop.test(name))).toEqual([]);
    expect(statSync(first.archive).size).toBeLessThan(60 * 2 ** 20);
  });

  test('publint and arethetypeswrong find nothing', () => {
    const publint = join(root, 'node_modules/publint/src/cli.js');
    expect(run(process.execPath, [publint, 'run', first.archive, '--strict'], folder)).toContain('All good');
    const attw = join(dirname(require.resolve('@arethetypeswrong/cli/package.json')), 'dist/index.js');
    // Its exit code tells of CommonJS and Node 10, too, which the package does not serve.
    const { stdout } = spawnSync(process.execPath, [attw, first.archive, '--format', 'json'], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    const { analysis } = JSON.parse(stdout) as {
      analysis: {
        entrypoints: Record<string, unknown>;
        problems: { kind: string; resolutionKind?: string; resolutionOption?: string }[];
      };
    };
    expect(new Set(Object.keys(analysis.entrypoints))).toEqual(
      new Set(['.', './browser', './engine', './package.json']),
    );
    const ignored = ['node10', 'node16-cjs'];
    const problems = analysis.problems.filter(
      ({ resolutionKind, resolutionOption }) => !ignored.includes(resolutionKind ?? resolutionOption ?? ''),
    );
    expect(problems).toEqual([]);
  });

  test('every package that comes with it has a licence that may be passed on', () => {
    const omitted = ['dev', 'optional', 'peer'].flatMap((kind) => ['--omit', kind]);
    const bill = JSON.parse(
      run('npm', ['sbom', '--sbom-format', 'cyclonedx', ...omitted, '--package-lock-only'], root),
    ) as {
      components: {
        name: string;
        licenses?: { license?: { id?: string; name?: string }; expression?: string }[];
      }[];
    };
    expect(bill.components.length).toBeGreaterThan(10);
    const open = /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|MPL-2\.0)$/;
    const unclear = bill.components
      .map(({ name, licenses = [] }) => {
        const names = licenses.map(({ license, expression }) => license?.id ?? license?.name ?? expression);
        return [name, names.join(' ')] as const;
      })
      // Its licence, Bitstream Vera's, is a file of the package only.
      .filter(([name, licence]) => name !== 'dejavu-fonts-ttf' && !open.test(licence));
    expect(unclear).toEqual([]);
  });
});

describe('installed into an empty folder', { timeout: 900_000 }, () => {
  test('the command line runs, by npx too, and no package of the queue is there', () => {
    const cfr = join(folder, 'node_modules', '.bin', 'cfr');
    expect(run(cfr, ['--version'], folder)).toMatch(/^\d+\.\d+\.\d+/);
    const attack = ['attack', '--dataset', 'cifar10-sample', '--limit', '2', '--iterations', '2'];
    expect(run(cfr, [...attack, '--out', 'out'], folder)).toContain('ASR');
    expect(existsSync(join(folder, 'out', 'report.html'))).toBe(true);
    const npx = (...argv: string[]) => run('npx', ['--no-install', 'cfr-attack', ...argv], folder);
    expect(npx('attack', '--help')).toMatch(/Usage: cfr attack/);
    const [top] = (
      JSON.parse(npx('classify', '--json', 'examples/cat.png')) as { top: { label: string }[] }[]
    )[0]!.top;
    expect(top!.label).toBe('cat');
    expect(existsSync(join(folder, 'node_modules', 'bullmq'))).toBe(false);
    const { status, stderr } = spawnSync(cfr, ['queue'], { cwd: folder, encoding: 'utf8' });
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining(
        'expected the packages bullmq and ioredis, which are not installed; npm install bullmq@',
      ),
    ]);
  });

  test.each(EXAMPLES)('example %s runs under Node', async (name) => {
    await build({
      entryPoints: [join(folder, `examples/${name}.ts`)],
      outfile: join(folder, `${name}.mjs`),
      format: 'esm',
    });
    // What each says is held by test/examples.test.ts.
    expect(run(process.execPath, [`${name}.mjs`], folder)).toMatch(/\d/);
  });

  test.each([
    ['nodenext', { module: 'nodenext' }],
    ['bundler', { module: 'esnext', moduleResolution: 'bundler' }],
  ])('types are strict and whole: %s', (_, resolution) => {
    const tsc = (project: string) => {
      const argv = [require.resolve('typescript/bin/tsc'), '-p', project];
      return spawnSync(process.execPath, argv, { cwd: folder, encoding: 'utf8' }).stdout;
    };
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'es2022',
      lib: ['es2022', 'dom', 'dom.iterable'],
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      // The declarations themselves are checked as well.
      skipLibCheck: false,
      ...resolution,
    };
    write('tsconfig.json', { compilerOptions, include: ['examples/*.ts'] });
    expect(tsc('tsconfig.json')).toBe('');
    write(
      'wrong.ts',
      "import { readImage } from 'cfr-attack/browser'; import { createEngine } from 'cfr-attack'; createEngine(3);",
    );
    write('wrong.json', { compilerOptions: { ...compilerOptions, skipLibCheck: true }, files: ['wrong.ts'] });
    const wrong = tsc('wrong.json');
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
});

test('no folder of the sources is unknown to the build', () => {
  const setup = readFileSync(join(root, 'scripts', 'setup.mjs'), 'utf8');
  const rooms = readdirSync(root, { withFileTypes: true }).filter(
    (entry) =>
      entry.isDirectory() && readdirSync(join(root, entry.name)).some((name) => name.endsWith('.ts')),
  );
  const sources = rooms
    .map(({ name }) => name)
    .filter((name) => !['test', 'examples', 'web', 'node_modules', 'dist'].includes(name));
  expect(sources.filter((name) => !setup.includes(`'${name}',`))).toEqual([]);
});
