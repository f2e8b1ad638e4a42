/**
 * Makes a checkout ready to run: dependencies as locked, and `dist/` as new as the sources. Does nothing where nothing is to do,
 * needs no network then, and says on stderr what it does. Plain JavaScript on Node's own modules: it runs before `npm ci`.
 *
 *     node scripts/setup.mjs
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What `dist/` is made of. */
const SOURCES = [
  ...[
    'base',
    'shaders',
    'engine',
    'node',
    'data',
    'weights',
    'nets',
    'attack',
    'run',
    'experiments',
    'report',
    'cli',
    'bench',
  ],
  ...[
    'index.ts',
    'browser.ts',
    'engine-node.ts',
    'package.json',
    'scripts/build.mjs',
    'scripts/page-bundle.mjs',
  ],
];
const OUTPUTS = ['dist/lib/index.js', 'dist/browser.js', 'dist/cli.js'];

/** Installs and builds as far as needed. */
export async function setup() {
  checkNode();
  if (!isInstalled()) install();
  if (!isBuilt()) {
    const { build } = await import('./build.mjs');
    await build();
  }
}

export function checkNode() {
  const major = Number.parseInt(process.versions.node, 10);
  if (major < 20)
    throw new Error(`Node: expected version 20 or newer, got ${process.versions.node}; update Node`);
}

/** True where `node_modules` holds the locked version of every package. Compares contents: times change with a checkout. */
function isInstalled() {
  const installed = readPackages('node_modules/.package-lock.json');
  if (!installed) return false;
  const locked = readPackages('package-lock.json') ?? {};
  return Object.entries(locked).every(
    // Optional packages are those of other platforms.
    ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
  );
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function install() {
  const first = !existsSync(join(root, 'node_modules'));
  say(`installing dependencies … (${first ? 'first run' : 'they changed'}, about a minute)`);
  // The npm that runs this script, where there is one.
  const npm = process.env.npm_execpath?.endsWith('npm-cli.js') ? process.env.npm_execpath : undefined;
  const args = ['ci', '--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier'];
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  const { status, error } = npm
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  if (status !== 0) {
    const reason = error ? error.message : `exit code ${status}`;
    throw new Error(
      `dependencies: npm ci failed (${reason}); check the network, then run "npm ci" in ${root}`,
    );
  }
}

function isBuilt() {
  const built = Math.min(...OUTPUTS.map((file) => modified(join(root, file)) ?? 0));
  return SOURCES.every((source) => newest(join(root, source)) <= built);
}

/** Newest modification time of a file, or of the sources within a folder, in milliseconds. */
function newest(path) {
  const own = modified(path);
  if (own === undefined) return 0;
  if (!statSync(path).isDirectory()) return own;
  const entries = readdirSync(path, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory() ? entry.name !== 'node_modules' : /\.(tsx?|css|wgsl|json)$/.test(entry.name),
  );
  return Math.max(0, ...entries.map((entry) => newest(join(path, entry.name))));
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function say(line) {
  process.stderr.write(`cfr: ${line}\n`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await setup().catch((error) => {
    say(error.message);
    process.exitCode = 1;
  });
}
