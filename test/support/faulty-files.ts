/**
 * Files that fail: `node:fs/promises` whose n-th change fails, or ends the process, or the power. To be mocked in by a test
 * (`vi.mock('node:fs/promises', ...)`), so that no code under test can go round it.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import type * as Promises from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * How the n-th change ends:
 * - `failed`: it fails half done, with ENOSPC or EIO in turn; what comes after works
 * - `killed`: nothing changes any more
 * - `cut`: nor that, and what was not synced is lost: contents, and names in folders
 * - `cut, names kept`: as `cut`, but names are there, with nothing behind them
 */
export const faultKinds = ['failed', 'killed', 'cut', 'cut, names kept'] as const;
export type FaultKind = (typeof faultKinds)[number];

interface Fault {
  readonly root: string;
  readonly at: number;
  readonly kind: FaultKind;
}

let fault: Fault | undefined;
let changes = 0;
/** Contents on the disk by file, and names of folders, with what they name, by path. */
let contents = new Map<string, Buffer>();
let names = new Map<string, Map<string, string>>();

/** From now on the changes below `root` are counted, and the n-th (from 1) fails. */
export function failAt(root: string, at: number, kind: FaultKind): void {
  fault = { root, at, kind };
  changes = 0;
  contents = new Map();
  names = new Map();
  synced(dirname(root));
  for (const path of filesBelow(root)) synced(path);
}

/** Ends the fault, and loses what a power cut loses. @returns whether it came: false where there were fewer changes */
export function recover(): boolean {
  if (!fault) throw new Error('no fault was set');
  const { root, at, kind } = fault;
  fault = undefined;
  if (kind.startsWith('cut') && changes >= at) lose(root, kind === 'cut, names kept');
  return changes >= at;
}

/** Tells a file from one that had its inode before. */
function identity(path: string): string {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return `${ino} ${birthtimeNs}`;
}

function synced(path: string): void {
  if (statSync(path).isFile()) contents.set(identity(path), readFileSync(path));
  else names.set(path, new Map(readdirSync(path).map((name) => [name, identity(join(path, name))])));
}

function lose(root: string, keepNames: boolean): void {
  for (const path of filesBelow(root).reverse()) {
    const file = identity(path);
    if (!keepNames && names.get(dirname(path))?.get(basename(path)) !== file)
      rmSync(path, { recursive: true });
    else if (statSync(path).isFile()) {
      writeFileSync(path, contents.get(file) ?? '');
      // The machine takes its time to come back.
      utimesSync(path, 0, 0);
    }
  }
  if (keepNames) return;
  // What was replaced or removed is back.
  for (const [folder, entries] of names) {
    for (const [name, file] of entries) {
      const content = contents.get(file);
      if (content === undefined || !folder.startsWith(root)) continue;
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, name), content);
    }
  }
}

/** Folders before what is in them. */
export function filesBelow(root: string): string[] {
  try {
    return [
      root,
      ...readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name)),
    ];
  } catch {
    return [];
  }
}

/** Counts a change of `path`; throws where it is to fail. `half` does a part of it first. */
async function change(path: string, half?: () => Promise<unknown>): Promise<void> {
  if (!fault || !path.startsWith(fault.root)) return;
  changes++;
  const { at, kind } = fault;
  if (kind === 'failed' ? changes !== at : changes < at) return;
  if (changes === at) await half?.();
  const code = kind !== 'failed' ? 'EKILLED' : at % 2 === 0 ? 'ENOSPC' : 'EIO';
  throw Object.assign(new Error(`${code}: made up`), { code, syscall: 'write', path });
}

/** The module with faults. */
export function faulty(real: typeof Promises): typeof Promises {
  const counted =
    <A extends [string, ...unknown[]], T>(call: (...given: A) => Promise<T>) =>
    async (...given: A): Promise<T> => {
      await change(given[0]);
      return call(...given);
    };
  const open = async (path: string, flags: string, ...more: []) => {
    if (flags !== 'r') await change(path);
    return faultyHandle(await real.open(path, flags, ...more), path);
  };
  return {
    ...real,
    // Of a folder that is there it changes nothing.
    mkdir: async (path: string) => {
      if (!existsSync(path)) await change(path);
      return real.mkdir(path);
    },
    rename: counted(real.rename as (path: string, to: string) => Promise<void>),
    rm: counted(real.rm as (path: string) => Promise<void>),
    truncate: counted(real.truncate as (path: string) => Promise<void>),
    writeFile: counted(real.writeFile as (path: string) => Promise<void>),
    open,
  } as unknown as typeof Promises;
}

function faultyHandle(handle: Promises.FileHandle, path: string): Promises.FileHandle {
  return new Proxy(handle, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      const call = value.bind(target) as (...given: unknown[]) => Promise<unknown>;
      if (name === 'appendFile' || name === 'writeFile') {
        return async (data: string | Uint8Array) => {
          const bytes = Buffer.from(data as Uint8Array);
          await change(path, () => call(bytes.subarray(0, bytes.length >> 1)));
          return call(bytes);
        };
      }
      if (name === 'truncate') {
        return async (...given: unknown[]) => {
          await change(path);
          return call(...given);
        };
      }
      if (name === 'sync') {
        return async () => {
          await change(path);
          if (fault && path.startsWith(dirname(fault.root))) synced(path);
        };
      }
      return call;
    },
  });
}
