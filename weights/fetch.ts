/** Weights over the network, in a page: size and progress said, aborted at any byte, kept in the browser, resumed where it stopped. */
import { createStore, del, get, set } from 'idb-keyval';
import { concatenate } from '../base/concatenate.js';
import { UserError } from '../base/errors.js';
import type { OnProgress } from '../base/progress.js';

/** Where pieces of files are kept. Keys are texts; values are what structured cloning takes. */
export interface WeightsCache {
  /** The value of a key; undefined where there is none. */
  get(key: string): Promise<unknown>;
  /** Keeps a value; one that was there is replaced. */
  set(key: string, value: unknown): Promise<void>;
  /** Forgets a key; one that is not there is no error. */
  delete(key: string): Promise<void>;
}

/** How weights are fetched; everything has a default. */
export interface FetchWeightsOptions {
  /** Told of the bytes that came, the size first. */
  readonly onProgress?: OnProgress | undefined;
  /** Stops it; what came is kept, and the next call goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** Of the whole file in hex, or its first digits. Without it only the length is checked. */
  readonly sha256?: string | undefined;
  /** Default: the page's IndexedDB where there is one; null: nothing is kept. */
  readonly cache?: WeightsCache | null | undefined;
}

/** What is known of a file that is kept, wholly or in part. Its pieces lie beside it, under their numbers. */
interface State {
  readonly pieces: number;
  readonly bytes: number;
  readonly total: number | undefined;
  /** The server's mark of this version of the file. */
  readonly etag: string | undefined;
}

interface Kept {
  readonly state: State;
  readonly pieces: readonly Uint8Array<ArrayBuffer>[];
}

/** Bytes that an interruption loses at most. */
const PIECE = 2 ** 20;
const NOTHING: Kept = { state: { pieces: 0, bytes: 0, total: undefined, etag: undefined }, pieces: [] };

/**
 * Fetches a weights file, or takes it from the cache. For `parseStateDict`.
 * @throws UserError where the server has no such file, or the file is another than `sha256` says
 * @throws DOMException `AbortError` where `signal` stopped it
 */
export async function fetchWeights(
  url: string | URL,
  options: FetchWeightsOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, sha256, cache = pageCache() } = options;
  const address = String(url);
  signal?.throwIfAborted();
  const store = cache && new Pieces(cache, address);
  const before = (await store?.open()) ?? NOTHING;
  let bytes = concatenate(Uint8Array, await wholeFile(address, before, store, options));
  if (sha256 === undefined) return bytes;
  let got = await sha256Of(bytes);
  if (!got.startsWith(sha256) && before.state.bytes > 0) {
    // What was kept may be of an older file: once more, from the start.
    bytes = concatenate(Uint8Array, await wholeFile(address, NOTHING, store, options));
    got = await sha256Of(bytes);
  }
  if (got.startsWith(sha256)) return bytes;
  await store?.clear();
  throw new UserError(`${address}: expected a file with sha256 ${sha256}, got ${got}; nothing was kept`);
}

async function wholeFile(url: string, kept: Kept, store: Pieces | null, options: FetchWeightsOptions) {
  const { bytes, total } = kept.state;
  if (total === undefined || bytes !== total) return transfer(url, kept, store, options);
  options.onProgress?.(progress(url, total, total));
  return kept.pieces;
}

/** @returns all pieces, those of before among them */
async function transfer(
  url: string,
  kept: Kept,
  store: Pieces | null,
  { onProgress, signal }: FetchWeightsOptions,
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const { bytes, etag } = kept.state;
  const resuming = bytes > 0 && etag !== undefined;
  const response = await fetch(url, {
    ...(signal ? { signal } : {}),
    headers: resuming ? { range: `bytes=${bytes}-`, 'if-range': etag } : {},
  });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new UserError(
      `${url}: expected a weights file, the server answered ${response.status} ${response.statusText}`.trimEnd(),
    );
  }
  const goesOn = resuming && response.status === 206;
  if (!goesOn) await store?.clear();
  const start = goesOn ? bytes : 0;
  // Of compressed answers the length is not the file's.
  const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length');
  const total = length === null ? undefined : start + Number(length);
  const pieces = goesOn ? [...kept.pieces] : [];
  let state: State = {
    pieces: pieces.length,
    bytes: start,
    total,
    etag: response.headers.get('etag') ?? undefined,
  };
  let pending: Uint8Array[] = [];
  let waiting = 0;
  const keep = async () => {
    if (waiting === 0) return;
    const piece = concatenate(Uint8Array, pending);
    pieces.push(piece);
    state = { ...state, pieces: state.pieces + 1, bytes: state.bytes + waiting };
    pending = [];
    waiting = 0;
    await store?.add(piece, state);
  };
  onProgress?.(progress(url, start, total));
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { value } = await reader.read();
      if (!value) break;
      pending.push(value);
      waiting += value.length;
      onProgress?.(progress(url, state.bytes + waiting, total));
      if (waiting >= PIECE) await keep();
    }
  } catch (error) {
    await keep();
    throw error;
  } finally {
    await reader.cancel().catch(() => {});
  }
  await keep();
  if (total !== undefined && state.bytes !== total)
    throw new Error(
      `${url}: expected ${total} bytes, the connection ended after ${state.bytes}; fetch it again to go on`,
    );
  if (total === undefined) await store?.note({ ...state, total: state.bytes });
  return pieces;
}

/** The pieces of one file in a cache. A cache that fails (private window, full disk) is left alone: fetching goes on without. */
class Pieces {
  #works = true;
  readonly #cache: WeightsCache;
  readonly #url: string;

  constructor(cache: WeightsCache, url: string) {
    this.#cache = cache;
    this.#url = url;
  }

  /** What is kept; undefined where there is nothing, or a piece is missing. */
  async open(): Promise<Kept | undefined> {
    return this.#try(async () => {
      const state = (await this.#cache.get(this.#url)) as State | undefined;
      if (!state) return undefined;
      const found = await Promise.all(
        Array.from({ length: state.pieces }, (_, i) => this.#cache.get(this.#key(i))),
      );
      const pieces = found.filter((piece) => piece instanceof Uint8Array) as Uint8Array<ArrayBuffer>[];
      return pieces.length === state.pieces ? { state, pieces } : undefined;
    });
  }

  async add(piece: Uint8Array, state: State): Promise<void> {
    await this.#try(async () => {
      await this.#cache.set(this.#key(state.pieces - 1), piece);
      await this.#cache.set(this.#url, state);
    });
  }

  async note(state: State): Promise<void> {
    await this.#try(() => this.#cache.set(this.#url, state));
  }

  async clear(): Promise<void> {
    await this.#try(async () => {
      const state = (await this.#cache.get(this.#url)) as State | undefined;
      await this.#cache.delete(this.#url);
      for (let i = 0; i < (state?.pieces ?? 0); i++) await this.#cache.delete(this.#key(i));
    });
  }

  #key(piece: number): string {
    return `${this.#url}#${piece}`;
  }

  async #try<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (!this.#works) return undefined;
    try {
      return await work();
    } catch {
      this.#works = false;
      return undefined;
    }
  }
}

function pageCache(): WeightsCache | null {
  if (typeof indexedDB === 'undefined') return null;
  const store = createStore('cfr-attack', 'weights');
  return {
    get: (key) => get(key, store),
    set: (key, value) => set(key, value, store),
    delete: (key) => del(key, store),
  };
}

function progress(url: string, done: number, total: number | undefined) {
  return { task: `fetch ${url.split('/').at(-1)}`, done, total, unit: 'bytes' } as const;
}

async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
