/** Weights by fetch: progress, abort, the cache, and going on where it stopped. A server of the test's own, a map for the browser's cache. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Progress } from '../base/progress.js';
import { fetchWeights, type WeightsCache } from '../weights/fetch.js';

const file = new Uint8Array(randomBytes(5 * 2 ** 20 + 77));
const sha256 = createHash('sha256').update(file).digest('hex');
/** What the server does next: the version of the file, whether it answers to ranges, after how many bytes the connection breaks. */
let behaviour: { etag: string; ranges: boolean; breakAfter: number };
let asked: (string | undefined)[];
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    const { range, 'if-range': version } = request.headers;
    asked.push(range);
    if (request.url !== '/net.safetensors') {
      response.writeHead(404).end();
      return;
    }
    const from = behaviour.ranges && range && version === behaviour.etag ? Number(/\d+/.exec(range)![0]) : 0;
    response.writeHead(from > 0 ? 206 : 200, { etag: behaviour.etag, 'content-length': file.length - from });
    const end = Math.min(file.length, from + behaviour.breakAfter);
    response.write(file.subarray(from, end), () => (end < file.length ? response.destroy() : response.end()));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/net.safetensors`;
});
afterAll(() => server.close());
beforeEach(() => {
  behaviour = { etag: '"one"', ranges: true, breakAfter: Number.POSITIVE_INFINITY };
  asked = [];
});

function mapCache(): WeightsCache & { readonly map: Map<string, unknown> } {
  const map = new Map<string, unknown>();
  return {
    map,
    get: async (key) => structuredClone(map.get(key)),
    set: async (key, value) => void map.set(key, structuredClone(value)),
    delete: async (key) => void map.delete(key),
  };
}

test('says size and progress, keeps the file, and takes it from the cache the next time', async () => {
  const cache = mapCache();
  const seen: Progress[] = [];
  const bytes = await fetchWeights(url, { cache, sha256, onProgress: (progress) => seen.push(progress) });
  expect(Buffer.compare(bytes, file)).toBe(0);
  expect(seen[0]).toEqual({ task: 'fetch net.safetensors', done: 0, total: file.length, unit: 'bytes' });
  expect(seen.at(-1)).toMatchObject({ done: file.length });
  expect(Buffer.compare(await fetchWeights(url, { cache, sha256 }), file)).toBe(0);
  expect(asked).toHaveLength(1);
});

test('goes on after a broken connection, from what was kept', async () => {
  const cache = mapCache();
  behaviour.breakAfter = 3 * 2 ** 20;
  await expect(fetchWeights(url, { cache, sha256 })).rejects.toThrow();
  const kept = (cache.map.get(url) as { bytes: number }).bytes;
  expect(kept).toBeGreaterThan(0);
  behaviour.breakAfter = Number.POSITIVE_INFINITY;
  const seen: Progress[] = [];
  const bytes = await fetchWeights(url, { cache, sha256, onProgress: (progress) => seen.push(progress) });
  expect(Buffer.compare(bytes, file)).toBe(0);
  expect(asked).toEqual([undefined, `bytes=${kept}-`]);
  expect(seen[0]!.done).toBe(kept);
});

test('abort stops it and loses nothing that came', async () => {
  const cache = mapCache();
  const stop = new AbortController();
  const running = fetchWeights(url, {
    cache,
    signal: stop.signal,
    onProgress: ({ done }) => {
      if (done > 2 ** 21) stop.abort();
    },
  });
  await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  expect((cache.map.get(url) as { bytes: number }).bytes).toBeGreaterThan(2 ** 20);
  await expect(fetchWeights(url, { cache, signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  });
  expect(Buffer.compare(await fetchWeights(url, { cache, sha256 }), file)).toBe(0);
});

test('another version, or a server without ranges, is fetched anew', async () => {
  for (const change of [{ etag: '"two"' }, { ranges: false }]) {
    const cache = mapCache();
    behaviour = { etag: '"one"', ranges: true, breakAfter: 2 ** 21 };
    await expect(fetchWeights(url, { cache })).rejects.toThrow();
    behaviour = { ...behaviour, breakAfter: Number.POSITIVE_INFINITY, ...change };
    expect(Buffer.compare(await fetchWeights(url, { cache, sha256 }), file)).toBe(0);
    const { pieces } = cache.map.get(url) as { pieces: number };
    expect(cache.map.size).toBe(1 + pieces);
  }
});

test('a kept file that is another than asked for is fetched once more; a wrong one is not kept', async () => {
  const cache = mapCache();
  await fetchWeights(url, { cache });
  cache.map.set(`${url}#0`, new Uint8Array((cache.map.get(`${url}#0`) as Uint8Array).length));
  expect(Buffer.compare(await fetchWeights(url, { cache, sha256 }), file)).toBe(0);
  expect(asked).toHaveLength(2);
  await expect(fetchWeights(url, { cache, sha256: '00' })).rejects.toThrow(
    /expected a file with sha256 00, got [0-9a-f]{64}; nothing was kept/,
  );
  expect(cache.map.size).toBe(0);
});

test('a cache that fails does not stop it; a piece that is lost is fetched again', async () => {
  const failing = { get: () => Promise.reject(new Error('no')), set: async () => {}, delete: async () => {} };
  expect(Buffer.compare(await fetchWeights(url, { cache: failing, sha256 }), file)).toBe(0);
  const cache = mapCache();
  await fetchWeights(url, { cache });
  cache.map.delete(`${url}#1`);
  expect(Buffer.compare(await fetchWeights(url, { cache, sha256 }), file)).toBe(0);
});

test('no such file is one clear error, and without IndexedDB nothing is kept', async () => {
  await expect(fetchWeights(`${url}x`)).rejects.toThrow(
    /net\.safetensorsx: expected a weights file, the server answered 404/,
  );
  expect(Buffer.compare(await fetchWeights(url), file)).toBe(0);
});
