/**
 * Puts the parts of a run, one of each shard, together: the folder then holds what one process would have made, byte for byte. Whatever stops
 * it, the same command does it again: the parts stay as they are.
 */
import { copyFile, link, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { concatenate } from '../base/concatenate.js';
import { UserError } from '../base/errors.js';
import { codeOf, makeFolder } from '../node/file-errors.js';
import { type ImageResult, kindsOf, pictureFolders, runFiles, type Session } from '../report/run-files.js';
import { elementCount } from '../weights/host-tensor.js';
import { parseSafetensors } from '../weights/safetensors.js';
import type { HostTensor } from '../weights/tensors.js';
import { joined, spoolOf } from './attack-run.js';
import type { Console } from './console.js';
import { differences, openRun, type RunFolder, readRun } from './folder.js';
import type { Services } from './services.js';
import { partName, partPattern, partsFolder } from './shard.js';
import { type AttackDocument, attackDocument, type Summary, writeSummary } from './summary.js';

interface Part {
  readonly run: RunFolder;
  readonly document: AttackDocument;
}

/** Lines that are written at a time. */
const LINES = 500;

/** How many images or shards are named. */
const MOST_NAMED = 10;

/**
 * @returns the merged run, its summary, and whether all images were readable
 * @throws UserError where a part is missing, not done, of another run, or was made with another batch
 */
export async function mergeParts(
  folder: string,
  services: Services,
  console: Console,
): Promise<{ readonly run: RunFolder; readonly summary: Summary; readonly exitCode: 0 | 1 }> {
  const parts = await readParts(folder);
  const document = await mergedDocument(folder, parts);
  const results = parts
    .flatMap(({ run }, part) => run.results.map((line) => ({ line, part })))
    .sort((a, b) => a.line.index - b.line.index);
  const run = await openRun(folder, document, {
    overwrite: true,
    takeOver: services.takeOver ?? false,
    note: (line) => console.note(line),
  });
  try {
    await run.describe(document);
    await linkPictures(run, parts, results);
    const tensors = document.fingerprint.saveTensors === true ? await openTensors(parts) : undefined;
    const spool = tensors && (await spoolOf(document, run, results.length > 0, () => mapSizeOf(tensors)));
    const progress = console.progress('merge', results.length, 'images');
    try {
      for (let at = 0; at < results.length; at += LINES) {
        services.signal.throwIfAborted();
        const some = results.slice(at, at + LINES);
        if (spool && tensors) await spool.append(some.length, rowsOf(tensors, some));
        await run.append(some.map(({ line }) => line));
        progress.at(at + some.length);
      }
    } finally {
      progress.stop();
    }
    await spool?.pack({
      indices: JSON.stringify(run.results.map(({ index }) => index)),
      model: document.model,
    });
    return {
      run,
      summary: await writeSummary(run, document, services, { singleFile: false }),
      exitCode: document.unreadable.length > 0 ? 1 : 0,
    };
  } finally {
    await run.close();
  }
}

/** Whether the folder holds parts, for what may be merged or not. */
export async function hasParts(folder: string): Promise<boolean> {
  return (await partNames(folder)).length > 0;
}

async function partNames(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, partsFolder)).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  });
  return names.filter((name) => partPattern.test(name)).sort();
}

async function readParts(folder: string): Promise<Part[]> {
  const names = await partNames(folder);
  const [first] = names;
  if (first === undefined)
    throw new UserError(
      `${folder}: expected the parts of a run in ${join(folder, partsFolder)}, found none; make them with \`cfr attack --shard\``,
    );
  const of = Number(partPattern.exec(first)![2]);
  const expected = Array.from({ length: of }, (_, index) => partName({ index, of }));
  const foreign = names.filter((name) => !expected.includes(name));
  if (foreign.length > 0)
    throw new UserError(
      `${folder}: expected the parts of one division, got ${first} and ${foreign[0]}; remove those of the other`,
    );
  const there = new Set(names);
  requireNone(
    folder,
    'parts',
    expected.filter((name) => !there.has(name)),
    `of ${of}; run their shards`,
  );
  const parts: Part[] = [];
  for (const name of names) {
    const path = join(folder, partsFolder, name);
    const run = await readRun(path);
    const document = attackDocument(run.document, path);
    const { shard } = document;
    if (!shard || partName(shard) !== name)
      throw new UserError(
        `${path}: expected the part that its name says, got ${shard ? partName(shard) : 'a whole run'}; run that shard again`,
      );
    parts.push({ run, document });
  }
  return parts;
}

/** What `run.json` says of the whole, once every image is accounted for. */
async function mergedDocument(folder: string, parts: readonly Part[]): Promise<AttackDocument> {
  const [{ document: first, run }] = parts as [Part, ...Part[]];
  const shard = first.shard!;
  const attacked = parts.filter(({ document }) => document.batch !== null);
  const batch = attacked[0]?.document.batch ?? null;
  for (const { document, run: part } of parts) {
    const differing = differences(first.fingerprint, document.fingerprint);
    if (document.shard?.first !== shard.first || document.shard.images !== shard.images)
      differing.push(
        `images ${spanOf(shard)} there, ${document.shard ? spanOf(document.shard) : 'all'} here`,
      );
    if (document.batch !== null && document.batch !== batch)
      differing.push(`batch ${batch} there, ${document.batch} here (--batch makes them equal)`);
    if (differing.length > 0)
      throw new UserError(
        `${part.folder}: expected a part of the run of ${run.folder}, got one of another: ${differing.slice(0, 4).join('; ')}; run that shard again with the same settings`,
      );
  }
  requireAll(folder, parts);
  const sessions = sessionsOf(parts);
  // As it was read: in the order in which a run writes it.
  const { shard: _own, ...whole } = run.document as AttackDocument;
  return {
    ...whole,
    batch,
    sessions,
    adapter: attacked.reduce((all, { document }) => document.adapter.split('; ').reduce(joined, all), ''),
    skipped: parts.flatMap(({ document }) => document.skipped).sort((a, b) => a - b),
    unreadable: parts.flatMap(({ document }) => document.unreadable).sort((a, b) => a - b),
  };
}

/** The parts' sessions as those of one process: by command, from the first on, with the sum of their times. */
function sessionsOf(parts: readonly Part[]): Session[] {
  const sessions = new Map<string, Session>();
  for (const { command: own, version, started, seconds } of parts.flatMap(
    ({ document }) => document.sessions,
  )) {
    const command = own.replace(/ --(?:shard|part) \S+/g, '').replace(/ --quiet$/, '');
    const known = sessions.get(command);
    sessions.set(command, {
      command,
      version: known?.version ?? version,
      started: known && known.started < started ? known.started : started,
      seconds: known
        ? known.seconds === null || seconds === null
          ? null
          : known.seconds + seconds
        : seconds,
    });
  }
  return [...sessions.values()].sort((a, b) => (a.started < b.started ? -1 : 1));
}

const spanOf = ({ first, images }: { first: number; images: number }) => `${first} to ${first + images - 1}`;

/** Nothing is missing, and each image is in the part that it belongs to, once. */
function requireAll(folder: string, parts: readonly Part[]): void {
  const missing: number[] = [];
  for (const { document, run } of parts) {
    const { index, of, first, images } = document.shard!;
    const done = new Set([
      ...run.results.map((line) => line.index),
      ...document.skipped,
      ...document.unreadable,
    ]);
    const foreign = [...done].find(
      (image) => image % of !== index || image < first || image >= first + images,
    );
    if (foreign !== undefined)
      throw new UserError(
        `${run.folder}: expected images of shard ${index}/${of} from ${first} on, got image ${foreign}`,
      );
    for (let image = first + ((index - (first % of) + of) % of); image < first + images; image += of)
      if (!done.has(image)) missing.push(image);
  }
  requireNone(
    folder,
    'images',
    missing.sort((a, b) => a - b),
    'to be finished; run their shards again',
  );
  const damaged = parts.flatMap(({ run }) =>
    run.results.filter((line) => run.missingPictures(line).length > 0).map(({ index }) => index),
  );
  requireNone(
    folder,
    'images',
    damaged.sort((a, b) => a - b),
    'with all their pictures; run their shards again',
  );
}

function requireNone(
  folder: string,
  what: string,
  missing: readonly (number | string)[],
  rest: string,
): void {
  if (missing.length === 0) return;
  const more = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : '';
  throw new UserError(
    `${folder}: expected all ${what} ${rest}; missing: ${missing.slice(0, MOST_NAMED).join(', ')}${more}`,
  );
}

interface Place {
  readonly line: ImageResult;
  readonly part: number;
}

/** Links, or copies where the disk has none: a merged run takes no room beside its parts. */
async function linkPictures(
  run: RunFolder,
  parts: readonly Part[],
  results: readonly Place[],
): Promise<void> {
  const kinds = new Set(results.flatMap(({ line }) => kindsOf(line)));
  for (const kind of [...pictureFolders, ...kinds]) await makeFolder(run.path(kind));
  for (const { line, part } of results) {
    for (const kind of kindsOf(line)) {
      const from = parts[part]!.run.picture(kind, line);
      const to = run.picture(kind, line);
      await link(from, to).catch(async (error: unknown) => {
        if (codeOf(error) === 'ENOENT') throw error;
        await copyFile(from, to);
      });
    }
  }
}

/** A part's tensors, and the row of each image. */
interface Rows {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly rowOf: ReadonlyMap<number, number>;
}

async function openTensors(parts: readonly Part[]): Promise<Rows[]> {
  const all: Rows[] = [];
  for (const { run } of parts) {
    if (run.results.length === 0) {
      all.push({ tensors: new Map(), rowOf: new Map() });
      continue;
    }
    const path = run.path(runFiles.tensors);
    const { tensors, metadata } = parseSafetensors(await readFile(path), path);
    const indices = JSON.parse(metadata.indices ?? '[]') as number[];
    all.push({ tensors, rowOf: new Map(indices.map((index, row) => [index, row])) });
  }
  return all;
}

/** Cells of the maps down and across; of parts without images none. */
function mapSizeOf(all: readonly Rows[]): readonly number[] {
  const map = all.map(({ tensors }) => tensors.get('map')).find((tensor) => tensor !== undefined);
  return map?.shape.slice(2) ?? [];
}

/** The rows of some images, in their order. */
function rowsOf(all: readonly Rows[], some: readonly Place[]): Record<string, Float32Array> {
  const names = [...all.find(({ tensors }) => tensors.size > 0)!.tensors.keys()];
  return Object.fromEntries(
    names.map((name) => {
      const rows = some.map(({ line, part }) => {
        const { tensors, rowOf } = all[part]!;
        const tensor = tensors.get(name);
        const row = rowOf.get(line.index);
        if (!tensor || row === undefined)
          throw new UserError(
            `image ${line.index}: expected its ${name} in the tensors of its part, found none; run its shard again`,
          );
        const size = elementCount(tensor.shape.slice(1));
        return tensor.toFloat32().subarray(row * size, (row + 1) * size);
      });
      return [name, concatenate(Float32Array, rows)];
    }),
  );
}
