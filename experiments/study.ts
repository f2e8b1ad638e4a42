/** What an experiment is about: nets over the same images, of which only those that every net classifies right are attacked. */
import { basename, join } from 'node:path';
import * as v from 'valibot';
import type { Classifier } from '../attack/classifier.js';
import { argmax, logitsOf } from '../attack/logits.js';
import { UserError } from '../base/errors.js';
import { netFacts } from '../nets/model.js';
import { makeFolder } from '../node/file-errors.js';
import { writeAtomic } from '../node/files.js';
import { lockFolder } from '../node/folder-lock.js';
import type { Fingerprint, Json } from '../report/run-files.js';
import { shortHash } from '../run/attack-plan.js';
import type { Console } from '../run/console.js';
import { openNet } from '../run/net.js';
import type { DataOptions, NetOptions } from '../run/options.js';
import { overBatches } from '../run/over-batches.js';
import { appendLines, readLines } from '../run/results-file.js';
import type { LoadedNet, Services } from '../run/services.js';
import { openSource, type Source } from '../run/source.js';

export interface StudiedNet extends LoadedNet {
  readonly source: Source;
}

export interface Study {
  readonly nets: readonly StudiedNet[];
  /** Where the outputs go. */
  readonly out: string;
  /** Where finished cells are, for any command. */
  readonly cells: string;
  readonly data: DataOptions;
  readonly services: Services;
  readonly console: Console;
  /** When it was opened, in milliseconds since 1970. */
  readonly begun: number;
  /** Lets other processes work on the cells. */
  close(): Promise<void>;
}

/** What a net says of clean images. */
export interface Clean {
  /** By their index. */
  readonly said: ReadonlyMap<number, { readonly label: number; readonly class: number }>;
  /** Of the folder with it and the images, below that of the cells. */
  readonly lines: string;
}

/**
 * Opens nets and images.
 * @param names registered nets, or files of weights
 * @throws UserError where images have no labels, or a net is there twice
 */
export async function openStudy(
  asked: {
    readonly names: readonly string[];
    readonly files: readonly string[];
    readonly net: NetOptions;
    readonly data: DataOptions;
    readonly out: string;
    readonly cells: string | undefined;
  },
  services: Services,
  console: Console,
): Promise<Study> {
  const { files, data, out, names } = asked;
  if (files.length > 0 && data.label === undefined && data.dataset === undefined)
    throw new UserError(
      'images: expected labels to tell which are classified right, got none; give --label for the image files, or --dataset',
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UserError(`--models: expected each net once, got ${twice} twice`);
  const nets: StudiedNet[] = [];
  for (const name of names) {
    const which = /[/\\]|\.(?:safetensors|pth|pt|th)$/.test(name) ? { weights: name } : { model: name };
    const net = await openNet(files, { ...asked.net, ...data, ...which }, services, console);
    nets.push({ ...net, source: await openSource(files, data, net.model, services) });
  }
  await makeFolder(out);
  const cells = asked.cells ?? join(out, 'cells');
  await makeFolder(cells);
  const lock = await lockFolder(cells, {
    note: (line) => console.note(line),
    takeOver: services.takeOver ?? false,
  });
  return { nets, out, cells, data, services, console, begun: services.now(), close: () => lock.release() };
}

/** The facts that decide what a net says of an image. */
export async function netFingerprint(
  { model, digest, source }: StudiedNet,
  data: DataOptions,
): Promise<Fingerprint> {
  return {
    model: model.name,
    weights: digest,
    net: netFacts(model) as unknown as Json,
    images: await source.identity(),
    label: source.label,
    preprocess: data.preprocess,
  };
}

/**
 * Opens the lines of a cell that is no run of an attack: what was asked, and a line per finished image.
 * @returns its finished lines, and the way to add more
 */
export async function openLines<T extends { readonly index: number }>(
  { cells }: Study,
  name: string,
  asked: Fingerprint,
  schema: v.GenericSchema<unknown, T>,
): Promise<{ readonly lines: T[]; readonly folder: string; append(more: readonly T[]): Promise<void> }> {
  // Cells from before pictures were kept have none.
  const folder = join(cells, `${slug(name)}-${shortHash({ ...asked, pictures: true })}`);
  await makeFolder(folder);
  const path = join(folder, 'lines.jsonl');
  await writeAtomic(join(folder, 'asked.json'), Buffer.from(`${JSON.stringify(asked, null, 2)}\n`));
  const lines = await readLines(path, schema, { repair: true });
  return {
    lines,
    folder,
    async append(more) {
      await appendLines(path, more);
      lines.push(...more);
    },
  };
}

/** Where a picture of such a cell lies, in its folder. */
export function linePicture(kind: string, index: number): string {
  return `${kind}/${String(index).padStart(5, '0')}.png`;
}

/** A name as a part of a file's name. */
export function slug(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
}

const cleanSchema = v.looseObject({ index: v.number(), label: v.number(), class: v.number() });

/** What each net says of the clean images: asked once, kept with the cells. */
export async function cleanPass(study: Study): Promise<Clean[]> {
  const passes: Clean[] = [];
  for (const net of study.nets) {
    const fingerprint = { clean: true, ...(await netFingerprint(net, study.data)) };
    const { lines, append, folder } = await openLines(
      study,
      `clean-${net.model.name}`,
      fingerprint,
      cleanSchema,
    );
    const done = new Set(lines.map(({ index }) => index));
    let found: v.InferOutput<typeof cleanSchema>[] = [];
    const { exitCode } = await overBatches<Classifier>(
      {
        title: 'classify',
        model: net.model,
        source: net.source,
        indices: net.source.indices.filter((index) => !done.has(index)),
        batch: study.data.batch,
        make: (device, batch) => device.classifier(net.model, batch),
        async compute(classifier, { pictures, x }) {
          const logits = await classifier.run(x);
          for (const { index, image } of pictures)
            await study.services.writePng(join(folder, linePicture('clean', index)), image);
          found = pictures.map(({ index, label }, i) => ({
            index,
            label: label!,
            class: argmax(logitsOf(logits, i, net.model.spec.classes)),
          }));
        },
        save: () => append(found),
      },
      study.services,
      study.console,
    );
    noteExit(study, exitCode);
    passes.push({
      said: new Map(lines.map(({ index, label, class: seen }) => [index, { label, class: seen }])),
      lines: basename(folder),
    });
  }
  return passes;
}

/** A part that left out images must not look like a whole one. */
export function noteExit({ services }: Study, code: number): void {
  if (code !== 0) services.exitCode = 1;
}

/**
 * The images of the command that all nets classify right.
 * @throws UserError if there is none
 */
export function rightForAll({ nets, console }: Study, passes: readonly Clean[]): number[] {
  const looked = nets[0]!.source.indices;
  const indices = looked.filter((index) =>
    passes.every((pass) => {
      const said = pass.said.get(index);
      return said !== undefined && said.class === said.label;
    }),
  );
  const who = nets.map(({ model }) => model.name).join(', ');
  if (indices.length === 0)
    throw new UserError(
      `images: expected some that ${who} classify right, got none of ${looked.length}; choose other images or nets`,
    );
  console.note(`${indices.length} of ${looked.length} images are classified right by ${who}`);
  return indices;
}

/** What documents say of the clean images: those that were looked at, and of each net how many of them it classifies right. */
export function cleanDocument({ nets }: Study, passes: readonly Clean[]) {
  const looked = nets[0]!.source.indices;
  return {
    looked,
    clean: nets.map(({ model, digest }, i) => ({
      net: model.name,
      weights: digest,
      lines: passes[i]!.lines,
      ...accuracyOf(looked, passes[i]!),
    })),
  };
}

/** Of the images that the command names, those a net was asked about, and how many of them it classifies right. */
function accuracyOf(
  indices: readonly number[],
  pass: Clean,
): { readonly images: number; readonly correct: number } {
  const said = indices.map((index) => pass.said.get(index)).filter((one) => one !== undefined);
  return { images: said.length, correct: said.filter((one) => one.class === one.label).length };
}
