/** SwiftShader from npm on a machine without drivers and an empty cache. Downloads 67 MB. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasSwiftShader } from '../../node/swiftshader.js';
import { runOnAdapter } from '../adapter-process.js';

it.skipIf(!hasSwiftShader())('downloads it once and computes on it', () => {
  const cache = mkdtempSync(join(tmpdir(), 'cfr-test-'));
  try {
    const env = { VK_ICD_FILENAMES: '/absent/none.json', CFR_ADAPTER: '', CFR_CACHE: cache };
    const first = runOnAdapter(env, 300_000);
    expect(first.exitCode, first.stderr).toBe(0);
    expect(first.stderr).toMatch(/^cfr: downloading the CPU driver SwiftShader from npm \(67 MB/m);
    expect(JSON.parse(first.stdout)).toMatchObject({ answer: 42, summary: { architecture: 'swiftshader' } });
    expect(readdirSync(cache).filter((name) => name.startsWith('swiftshader'))).toEqual([
      'swiftshader-143.0.4',
    ]);
    const second = runOnAdapter(env, 60_000);
    expect(second.exitCode, second.stderr).toBe(0);
    expect(second.stderr).not.toMatch(/downloading/);
  } finally {
    rmSync(cache, { recursive: true });
  }
});
