import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

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
  plugins: [wgslAsText],
  // The examples import the package by its name.
  resolve: { alias: { 'cfr-attack': fileURLToPath(new URL('index.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/slow/**', 'node_modules/**'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
