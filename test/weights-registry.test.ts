/** The registry: what ships is whole; what does not is fetched, checked, resumed, and never left half written. */

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import type { Progress } from '../base/progress.js';
import { download } from '../node/download.js';
import { cacheFolder, packageFolder } from '../node/files.js';
import { findNet, registry, TORCHVISION_URL } from '../weights/registry.js';
import { resolveModel } from '../weights/registry-files.js';
import { readStateDict, writeSafetensors } from '../weights/state-dict-files.js';
import { rejectionOf } from './fixtures/weights/fixtures.js';

const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 3);
const sha256 = createHash('sha256').update(content).digest('hex');

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cfr-registry-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('registry', () => {
  it("has the shipped nets and torchvision's, with consistent entries", () => {
    expect(registry.length).toBe(16);
    expect(new Set(registry.map((net) => net.name)).size).toBe(16);
    for (const net of registry) {
      if (net.url === undefined) expect(net.sha256).toMatch(/^[0-9a-f]{64}$/);
      else
        expect(net).toMatchObject({
          file: `${net.arch}-${net.sha256}.pth`,
          url: TORCHVISION_URL + net.file,
          inputSize: 224,
        });
      expect(net.accuracy).toBeGreaterThan(0.6);
      expect(net.accuracy).toBeLessThan(1);
    }
    expect(() => findNet('resnet19')).toThrow(UserError);
    expect(() => findNet('resnet19')).toThrow(/expected one of resnet18-cifar10, .*got "resnet19"/);
  });

  it('finds what ships, whole and as described', async () => {
    for (const net of registry.filter(({ url }) => url === undefined)) {
      const path = await resolveModel(net.name);
      expect(path.startsWith(packageFolder())).toBe(true);
      expect(statSync(path).size).toBe(net.size);
      const { metadata, tensors } = await readStateDict(path);
      expect(metadata.architecture).toBe(net.arch);
      expect(Number(metadata.accuracy)).toBe(net.accuracy);
      expect(JSON.parse(metadata.mean!)).toEqual(net.mean);
      expect(JSON.parse(metadata.std!)).toEqual(net.std);
      expect(tensors.size).toBeGreaterThan(40);
    }
  });

  it('keeps its cache where CFR_CACHE says', () => {
    const before = process.env.CFR_CACHE;
    process.env.CFR_CACHE = '/somewhere';
    expect(cacheFolder()).toBe('/somewhere');
    if (before === undefined) delete process.env.CFR_CACHE;
    else process.env.CFR_CACHE = before;
    expect(cacheFolder()).not.toBe('/somewhere');
  });

  it('refuses a cached file that is not what it should be', async () => {
    writeFileSync(join(folder, findNet('resnet18').file), 'something');
    expect(await rejectionOf(resolveModel('resnet18', { folder }))).toMatch(
      /expected sha256 f37072fd, got [0-9a-f]{64}; delete the file to fetch it again/,
    );
  });

  it("writes and reads a weights file; a missing one is the user's mistake", async () => {
    const path = join(folder, 'a', 'x.safetensors');
    await writeSafetensors(
      path,
      new Map([['w', { shape: [2], dtype: 'f16', data: Float32Array.of(1, 2) }]]),
      { architecture: 'x' },
    );
    expect([...(await readStateDict(path)).tensors.get('w')!.toFloat32()]).toEqual([1, 2]);
    await expect(readStateDict(join(folder, 'none.pth'))).rejects.toThrow(UserError);
    expect(await rejectionOf(readStateDict(folder))).toMatch(/expected a weights file .*, got a folder/);
  });
});

describe('fetching', () => {
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void = () => {};
  let requests: IncomingMessage[] = [];
  const url = (file: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${file}`;

  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(request);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    requests = [];
    answer = serve();
  });

  /** A file server with ranges, that may break off after so many bytes of each answer. */
  function serve({ breakAfter = Infinity, bytes = content, ranges = true } = {}) {
    return (request: IncomingMessage, response: ServerResponse) => {
      const start = ranges ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
      if (start >= bytes.length) {
        response.writeHead(416).end();
        return;
      }
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start });
      if (start + breakAfter >= bytes.length) response.end(bytes.subarray(start));
      else response.write(bytes.subarray(start, start + breakAfter), () => response.destroy());
    };
  }

  const parts = () => ['x.pth', 'x.pth.part', 'x.pth.lock'].filter((name) => existsSync(join(folder, name)));
  const fetchIt = (options: Partial<Parameters<typeof download>[2]> = {}) =>
    download(url('x.pth'), join(folder, 'x.pth'), { sha256, retries: 0, ...options });

  it('says the size first, then progress, and leaves one whole file', async () => {
    const seen: Progress[] = [];
    await fetchIt({ sha256: sha256.slice(0, 8), onProgress: (progress) => seen.push(progress) });
    expect(seen[0]).toEqual({ task: 'fetch x.pth', done: 0, total: content.length, unit: 'bytes' });
    expect(seen.at(-1)).toEqual({
      task: 'fetch x.pth',
      done: content.length,
      total: content.length,
      unit: 'bytes',
    });
    expect(readFileSync(join(folder, 'x.pth')).equals(content)).toBe(true);
    expect(parts()).toEqual(['x.pth']);
  });

  it('goes on where a broken connection ended, in the same call and in the next', async () => {
    answer = serve({ breakAfter: 100_000 });
    expect(await rejectionOf(fetchIt())).toMatch(
      /^x\.pth: fetching http.* failed: .*; run it again to go on, or put the file at/,
    );
    expect(parts()).toEqual(['x.pth.part']);
    const seen: Progress[] = [];
    await fetchIt({ retries: 5, onProgress: (progress) => seen.push(progress) });
    expect(seen[0]!.done).toBeGreaterThan(0);
    expect(seen[0]!.total).toBe(content.length);
    expect(requests.filter((request) => request.headers.range).length).toBeGreaterThan(0);
    expect(readFileSync(join(folder, 'x.pth')).equals(content)).toBe(true);
    expect(parts()).toEqual(['x.pth']);
  });

  it('begins anew where the server knows no ranges, and accepts a part that is whole', async () => {
    writeFileSync(join(folder, 'x.pth.part'), content.subarray(0, 1000));
    answer = serve({ ranges: false });
    await fetchIt();
    expect(readFileSync(join(folder, 'x.pth')).equals(content)).toBe(true);
    rmSync(join(folder, 'x.pth'));
    writeFileSync(join(folder, 'x.pth.part'), content);
    answer = serve();
    await fetchIt();
    expect(parts()).toEqual(['x.pth']);
  });

  it('throws a wrong part away and fetches again; keeps nothing of a wrong file', async () => {
    writeFileSync(join(folder, 'x.pth.part'), new Uint8Array(1000));
    await fetchIt({ retries: 1 });
    expect(parts()).toEqual(['x.pth']);
    rmSync(join(folder, 'x.pth'));
    answer = serve({ bytes: new Uint8Array(5000) });
    expect(await rejectionOf(fetchIt())).toMatch(
      /expected sha256 [0-9a-f]{64}, got [0-9a-f]{64} from http.*nothing was kept/,
    );
    expect(parts()).toEqual([]);
  });

  it('gives one clear line for a refusal, a silent server, no server and another process', async () => {
    answer = (_, response) => void response.writeHead(404).end();
    expect(await rejectionOf(fetchIt({ retries: 3 }))).toMatch(
      /^x\.pth: http.*x\.pth answered 404 Not Found; put the file at .*x\.pth yourself$/,
    );
    expect(requests.length, 'a refusal is not tried again').toBe(1);
    answer = (_, response) => void response.writeHead(503).end();
    expect(await rejectionOf(fetchIt({ retries: 1 }))).toMatch(/answered 503/);
    expect(requests.length).toBe(3);
    answer = () => {};
    expect(await rejectionOf(fetchIt({ patience: 50 }))).toMatch(/no data came for too long/);
    expect(
      await rejectionOf(download('http://127.0.0.1:1/x.pth', join(folder, 'x.pth'), { sha256, retries: 0 })),
    ).toMatch(/failed: (ECONNREFUSED|bad port)/);
    writeFileSync(join(folder, 'x.pth.lock'), String(process.pid));
    expect(await rejectionOf(fetchIt())).toMatch(/process \d+ is fetching it already/);
    expect(parts()).toEqual(['x.pth.lock']);
  });

  it('takes over the lock of a process that is gone', async () => {
    writeFileSync(join(folder, 'x.pth.lock'), '4194300');
    await fetchIt();
    expect(parts()).toEqual(['x.pth']);
  });

  it('says so when the disk is full, before or while writing', async () => {
    answer = (_, response) => void response.writeHead(200, { 'content-length': 10 ** 18 }).write('x');
    expect(await rejectionOf(fetchIt())).toMatch(
      /^x\.pth: expected 1000000000000 MB of free space in .*, got \d+ MB; free some, or point CFR_CACHE elsewhere/,
    );
    answer = serve();
    if (existsSync('/dev/full')) {
      symlinkSync('/dev/full', join(folder, 'x.pth.part'));
      expect(await rejectionOf(fetchIt())).toMatch(/the disk is full; free some space, or write elsewhere/);
      expect(existsSync(join(folder, 'x.pth'))).toBe(false);
    }
  });

  it('makes the folder, and says where it cannot', async () => {
    const deep = join(folder, 'a', 'b', 'x.pth');
    await download(url('x.pth'), deep, { sha256 });
    expect(existsSync(deep)).toBe(true);
    writeFileSync(join(folder, 'file'), '');
    expect(await rejectionOf(download(url('x.pth'), join(folder, 'file', 'x.pth'), { sha256 }))).toMatch(
      /file/,
    );
  });

  it('fetches a registered net once, from a mirror', async () => {
    const net = findNet('resnet18');
    answer = serve({ bytes: new TextEncoder().encode('not the net') });
    const baseUrl = url('');
    expect(await rejectionOf(resolveModel('resnet18', { folder, baseUrl }))).toMatch(
      /expected sha256 f37072fd/,
    );
    expect(requests.every((request) => request.url === `/${net.file}`)).toBe(true);
    expect(existsSync(join(folder, net.file))).toBe(false);
  });
});
