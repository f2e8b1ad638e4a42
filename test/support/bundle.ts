/** Programs of the tests for processes of their own. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { pageForEsbuild } from '../../scripts/page-bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Bundles `test/support/NAME.ts`.
 * @returns the path of the program: within node_modules, so that packages are found from there
 */
export async function bundleProgram(name: string): Promise<string> {
  const outfile = join(root, 'node_modules', '.cfr-test', `${name}.mjs`);
  await build({
    entryPoints: [join(root, 'test', 'support', `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    loader: { '.wgsl': 'text' },
    plugins: [pageForEsbuild],
    outfile,
  });
  return outfile;
}
