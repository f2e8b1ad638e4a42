/** Images and labels as NumPy arrays in one .npz file (a zip archive of .npy files). */

import { createHash } from 'node:crypto';
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { ZipArchive } from '../base/zip.js';
import { readBytes } from '../node/files.js';
import { checkIndex, type Dataset } from './dataset.js';
import { assignmentText } from './labels.js';

/** Names under which images and labels are saved, the test split first. */
const PAIRS: readonly (readonly [images: string, labels: string])[] = [
  ['test_images', 'test_labels'],
  ['x_test', 'y_test'],
  ['X_test', 'y_test'],
  ['images', 'labels'],
  ['data', 'labels'],
  ['x', 'y'],
  ['X', 'y'],
];

const INTEGERS: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  u1: (view, at) => view.getUint8(at),
  i1: (view, at) => view.getInt8(at),
  u2: (view, at) => view.getUint16(at, true),
  i2: (view, at) => view.getInt16(at, true),
  u4: (view, at) => view.getUint32(at, true),
  i4: (view, at) => view.getInt32(at, true),
  u8: (view, at) => Number(view.getBigUint64(at, true)),
  i8: (view, at) => Number(view.getBigInt64(at, true)),
};

interface Npy {
  /** NumPy's code without the byte order: "u1", "i8", "f4". */
  readonly type: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * Opens images [n, height, width, 3], [n, height, width] or [n, 3, height, width] of 8 bits and labels [n] or [n, 1], whole
 * numbers from 0, under the names of `PAIRS`.
 * @param labels the net's classes, in the order of its outputs
 * @throws UserError where they are not there or of another form
 */
export async function openNpz(path: string, labels?: readonly string[]): Promise<Dataset> {
  const name = `npz:${path}`;
  const archive = new ZipArchive(await readBytes(path, 'an .npz file'), path);
  const has = (array: string) => archive.entries.has(`${array}.npy`);
  const pair = PAIRS.find((names) => names.every(has));
  if (!pair)
    throw new UserError(
      `${name}: expected arrays named ${PAIRS.map((names) => names.join(' and ')).join(', or ')}, got ${printable([...archive.entries.keys()].join(', '))}`,
    );
  const [images, targets] = pair.map((array) =>
    parseNpy(archive.read(`${array}.npy`), `${path}: ${array}`),
  ) as [Npy, Npy];
  const form = imageForm(images, `${path}: ${pair[0]}`);
  const given = labelsOf(targets, images.shape[0]!, `${path}: ${pair[1]}`);
  const most = given.reduce((a, b) => Math.max(a, b), 0);
  const count = labels?.length ?? most + 1;
  if (most >= count)
    throw new UserError(`${name}: expected labels below ${count}, the classes of the net, got ${most}`);
  const classes = labels ?? Array.from({ length: count }, (_, i) => `class ${i}`);
  const source = (index: number) => `${pair[0]}[${index}]`;
  return {
    name,
    length: given.length,
    classes,
    assignment: assignmentText(`by the numbers in ${pair[1]}`, source(0), given[0]!, classes),
    digest: async () => createHash('sha256').update(images.bytes).update(JSON.stringify(given)).digest('hex'),
    async get(index) {
      checkIndex(name, index, given.length);
      const { width, height } = form;
      return {
        index,
        source: source(index),
        label: given[index]!,
        image: { width, height, data: form.rgb(index) },
      };
    },
  };
}

function parseNpy(bytes: Uint8Array, source: string): Npy {
  const fail = (problem: string): never => {
    throw new UserError(`${source}: damaged or unsupported NumPy array: ${problem}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || bytes[0] !== 0x93 || new TextDecoder().decode(bytes.subarray(1, 6)) !== 'NUMPY')
    return fail('no header');
  const long = bytes[6]! > 1;
  const start = long ? 12 : 10;
  const end = start + (long ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, Math.min(end, start + 4096)));
  const type = /'descr':\s*'([|<>=]?)([a-z]\d+)'/.exec(header);
  const shape = /'shape':\s*\(([\d, ]*)\)/.exec(header)?.[1];
  if (!type || shape === undefined || type[1] === '>') return fail(`its header is ${printable(header)}`);
  if (!/'fortran_order':\s*False/.test(header))
    return fail('in Fortran order; save numpy.ascontiguousarray of it');
  const extents = shape
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const needed = extents.reduce((product, extent) => product * extent, Number(type[2]!.slice(1)));
  if (bytes.length - end !== needed)
    return fail(`[${extents}] of ${type[2]} needs ${needed} bytes, ${bytes.length - end} are there`);
  return { type: type[2]!, shape: extents, bytes: bytes.subarray(end) };
}

interface ImageForm {
  readonly width: number;
  readonly height: number;
  rgb(index: number): Uint8Array;
}

function imageForm({ type, shape, bytes }: Npy, source: string): ImageForm {
  const fail = (): never => {
    throw new UserError(
      `${source}: expected 8-bit images [n, height, width, 3], [n, height, width] or [n, 3, height, width], got ${type} [${shape}]`,
    );
  };
  const last = shape[3] === 3;
  const first = shape[1] === 3 && shape.length === 4;
  const channels = shape.length === 3 || shape[3] === 1 ? 1 : 3;
  if (type !== 'u1' || shape.includes(0) || !(shape.length === 3 || shape.length === 4)) return fail();
  if (shape.length === 4 && !last && !first && shape[3] !== 1) return fail();
  // Three rows of three columns could be either.
  if (last && first) return fail();
  const [height, width] = (first ? shape.slice(2) : shape.slice(1, 3)) as [number, number];
  const plane = width * height;
  return {
    width,
    height,
    rgb(index) {
      const own = bytes.subarray(index * plane * channels, (index + 1) * plane * channels);
      if (channels === 3 && !first) return Uint8Array.from(own);
      return Uint8Array.from({ length: 3 * plane }, (_, i) => {
        const pixel = Math.floor(i / 3);
        return own[channels === 1 ? pixel : (i % 3) * plane + pixel]!;
      });
    },
  };
}

function labelsOf({ type, shape, bytes }: Npy, count: number, source: string): number[] {
  const read = INTEGERS[type];
  const column = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  if (!read || !column || shape[0] !== count)
    throw new UserError(`${source}: expected ${count} whole numbers, got ${type} [${shape}]`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = Number(type.slice(1));
  return Array.from({ length: count }, (_, i) => {
    const label = read(view, i * size);
    if (label < 0) throw new UserError(`${source}: expected labels from 0, got ${label} at ${i}`);
    return label;
  });
}
