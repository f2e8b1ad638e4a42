/** The package as npm would publish it: the same bytes twice, and in an empty folder a command line and a library that work. */
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
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../cli-fakes.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = (command: string, argv: readonly string[], cwd: string) =>
  execFileSync(command, argv, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** A checkout of what git has, without what a build left, and its archive. */
function packed(): { readonly archive: string; readonly digest: string; readonly files: string[] } {
  const folder = join(temporaryFolder(), 'checkout');
  mkdirSync(folder);
  for (const name of run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], root).split(
    '\0',
  )) {
    if (name && existsSync(join(root, name))) cpSync(join(root, name), join(folder, name));
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const [made] = JSON.parse(run('npm', ['pack', '--json'], folder)) as [
    { filename: string; files: { path: string }[] },
  ];
  const archive = join(folder, made.filename);
  return {
    archive,
    digest: createHash('sha256').update(readFileSync(archive)).digest('hex'),
    files: made.files.map(({ path }) => path),
  };
}

let first: ReturnType<typeof packed>;
beforeAll(() => {
  first = packed();
}, 600_000);

test('two builds in two folders have the same bytes', () => {
  expect(packed().digest).toBe(first.digest);
}, 600_000);

test('holds what it says and nothing of the workshop', () => {
  expect(first.files).toEqual(
    expect.arrayContaining([
      'LICENSE',
      'README.md',
      'weights/README.md',
      'docs/reliability.md',
      'examples/cluster/Dockerfile',
      'dist/cli.js',
    ]),
  );
  expect(
    first.files.filter((name) => /^(test|node_modules|out)\/(?!README)|\.test\.|\.tgz$/.test(name)),
  ).toEqual([]);
  expect(statSync(first.archive).size).toBeLessThan(60 * 2 ** 20);
});

test('installed into an empty folder: the command line, the library, and no package of the queue', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}');
  run('npm', ['install', '--no-audit', '--no-fund', first.archive], folder);
  const cfr = join(folder, 'node_modules', '.bin', 'cfr');
  expect(run(cfr, ['--version'], folder)).toMatch(/^\d+\.\d+\.\d+/);
  expect(
    run(
      cfr,
      ['attack', '--dataset', 'cifar10-sample', '--limit', '2', '--iterations', '2', '--out', 'out'],
      folder,
    ),
  ).toContain('ASR');
  expect(existsSync(join(folder, 'out', 'report.html'))).toBe(true);
  writeFileSync(
    join(folder, 'use.js'),
    `import { createEngine } from 'cfr-attack'; const engine = await createEngine(); console.log(engine.adapter.name.length > 0); engine.close();`,
  );
  expect(run(process.execPath, ['use.js'], folder)).toBe('true\n');
  expect(existsSync(join(folder, 'node_modules', 'bullmq'))).toBe(false);
  const { status, stderr } = spawnSync(cfr, ['queue'], { cwd: folder, encoding: 'utf8' });
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining(
      'expected the packages bullmq and ioredis, which are not installed; npm install bullmq@',
    ),
  ]);
}, 600_000);

test('every package that comes with it has a licence that may be passed on', () => {
  const bill = JSON.parse(
    run(
      'npm',
      [
        'sbom',
        '--sbom-format',
        'cyclonedx',
        '--omit',
        'dev',
        '--omit',
        'optional',
        '--omit',
        'peer',
        '--package-lock-only',
      ],
      root,
    ),
  ) as {
    components: {
      name: string;
      licenses?: { license?: { id?: string; name?: string }; expression?: string }[];
    }[];
  };
  expect(bill.components.length).toBeGreaterThan(10);
  const open = /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|MPL-2\.0)$/;
  const unclear = bill.components
    .map(
      ({ name, licenses = [] }) =>
        [
          name,
          licenses.map(({ license, expression }) => license?.id ?? license?.name ?? expression).join(' '),
        ] as const,
    )
    // Its licence, Bitstream Vera's, is a file of the package only.
    .filter(([name, licence]) => name !== 'dejavu-fonts-ttf' && !open.test(licence));
  expect(unclear).toEqual([]);
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
