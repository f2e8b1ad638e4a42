/** Whole processes on the real adapters: they compute, and end by themselves. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { swiftShaderFolder } from '../node/swiftshader.js';
import { runOnAdapter } from './adapter-process.js';

it('computes on the adapter of this machine and ends by itself', () => {
  const { exitCode, stdout, stderr } = runOnAdapter({}, 60_000);
  expect(exitCode, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ answer: 42 });
});

const cached = existsSync(join(swiftShaderFolder(), 'libvk_swiftshader.so'));
it.skipIf(!cached)('computes on SwiftShader where no driver is installed', () => {
  const { exitCode, stdout, stderr } = runOnAdapter(
    { VK_ICD_FILENAMES: '/absent/none.json', CFR_ADAPTER: '' },
    60_000,
  );
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toMatch(/^cfr: no graphics driver is installed; using SwiftShader/m);
  expect(stderr).not.toMatch(/downloading/);
  expect(JSON.parse(stdout)).toMatchObject({
    answer: 42,
    software: true,
    subgroupSize: 4,
    summary: { vendor: 'google', architecture: 'swiftshader', backend: 'vulkan' },
  });
});

it('reports a wanted adapter that is not there, and ends', () => {
  const { exitCode, stdout, stderr } = runOnAdapter({ CFR_ADAPTER: 'no such device' }, 60_000);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/adapter no such device: expected/);
  expect(stdout).toBe('');
});
