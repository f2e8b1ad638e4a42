import { defineConfig } from 'vitest/config';
import base from './vitest.config.js';

// What takes minutes or downloads: `npm run test:slow`.
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/slow/**/*.test.ts'],
    exclude: ['node_modules/**'],
    testTimeout: 600_000,
  },
});
