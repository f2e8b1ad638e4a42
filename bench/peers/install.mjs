/** What must be there before anything runs: the peers' packages, in this folder only, and our own side as bundles. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const root = join(folder, '..', '..');

/** @returns {{failure?: string}} */
export function installPeers() {
  // npm writes this file last, so it is there only after a complete install.
  if (existsSync(join(folder, 'node_modules', '.package-lock.json'))) return {};
  console.log(
    'Installing the peers into bench/peers/node_modules (about 520 MB; no dependency of this project): npm ci',
  );
  // Without scripts: that of onnxruntime-node would fetch CUDA libraries.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, error } = spawnSync('npm', args, {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status === 0) return {};
  return {
    failure: `"npm ci" in bench/peers failed (${error?.message ?? `exit code ${status}`}); run it there to see why`,
  };
}

/** @returns {Promise<{ours: string, dawn: string}>} paths of the bundles */
export async function bundleOurs() {
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    loader: { '.wgsl': 'text' },
    entryPoints: { 'peers-ours': 'bench/peers/ours.ts', 'peers-dawn': 'bench/peers/dawn.ts' },
    outdir: 'dist',
    logLevel: 'warning',
  });
  return { ours: join(root, 'dist', 'peers-ours.js'), dawn: join(root, 'dist', 'peers-dawn.js') };
}
