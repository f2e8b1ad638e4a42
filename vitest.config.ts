import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { pageForVitest } from './scripts/page-bundle.mjs';

/** Imports `.wgsl` files as text, as the esbuild builds do. */
const wgslAsText = {
  name: 'wgsl-as-text',
  enforce: 'pre' as const,
  load(id: string) {
    return id.endsWith('.wgsl') ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}` : undefined;
  },
};

// One process and one device a file: Dawn's Node binding is not safe across worker threads, and devices of earlier files
// would keep their memory mappings, of which a process may have 65,530.
export default defineConfig({
  plugins: [wgslAsText, pageForVitest],
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/slow/**', 'node_modules/**'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
