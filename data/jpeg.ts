/**
 * JPEG files in Node, decoded by libjpeg's own code: a WebAssembly build of MozJPEG, whose decoder is libjpeg-turbo's. So pixels
 * are those of PIL to the bit, but for the rare 4:4:0 subsampling, which newer versions interpolate (2 levels). As in PIL the
 * EXIF orientation is not applied, CMYK is taken for inverted, and damage within coded data goes unnoticed.
 */
import { UserError } from '../base/errors.js';
import { checkPixels } from './image.js';
import { type Frame, frameIn, MARKERS, segmentsOf } from './jpeg-segments.js';
import { COLOUR, withoutComponent } from './jpeg-split.js';
import type { Image } from './rgb.js';
import { rgbOf, WasmCodec } from './wasm-codec.js';

const codec = new WasmCodec(
  () => import('@jsquash/jpeg/codec/dec/mozjpeg_dec.js'),
  '@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm',
);

/**
 * Limit of an image, in pixels: this much whatever the file, and more as the file is larger. With the standard's own
 * Huffman tables even a blank image takes a byte per 64 pixels.
 */
const FREE_PIXELS = 3e6;
const PIXELS_PER_BYTE = 64;

/**
 * Limit on the blocks of 8x8 that all scans together pass over: a hostile image lets empty scans pass over a large image
 * without end, an honest progressive one has some fifteen scans and data in each.
 */
const FREE_BLOCK_VISITS = 4e6;
const BLOCK_VISITS_PER_BYTE = 4;

/** @throws UserError where the file is truncated, damaged, too large, or of a form that libjpeg does not read. */
export async function decodeJpeg(bytes: Uint8Array, source: string): Promise<Image> {
  try {
    const { frame, adobe, whole, scans } = outline(bytes);
    if (!frame) throw new Error('it ends before its frame header');
    checkPixels(frame.width, frame.height, source, FREE_PIXELS + PIXELS_PER_BYTE * bytes.length);
    if (!whole) throw new Error('it ends before its end marker');
    if (frame.components.some(({ across, down }) => across < 1 || across > 4 || down < 1 || down > 4))
      throw new Error('Bogus sampling factors');
    const visits = blockVisits(frame, scans);
    const limit = FREE_BLOCK_VISITS + BLOCK_VISITS_PER_BYTE * bytes.length;
    if (visits > limit)
      throw new Error(`its ${scans.length} scans pass over ${visits} blocks, expected at most ${limit}`);
    return frame.components.length === 4
      ? await decodeCmyk(bytes, adobe)
      : rgbOf(await codec.decode(bytes, false));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${source}: damaged, truncated or unsupported JPEG: ${(error as Error).message}`);
  }
}

interface Outline {
  readonly frame: Frame | undefined;
  /** Whether four components are YCCK, as Adobe's segment says; without one they are CMYK. */
  readonly adobe: boolean;
  /** Whether it has an end marker. */
  readonly whole: boolean;
  /** The components of each scan, by id. */
  readonly scans: readonly (readonly number[])[];
}

function outline(bytes: Uint8Array): Outline {
  let frame: Frame | undefined;
  let adobe = false;
  let whole = false;
  const scans: number[][] = [];
  for (const part of segmentsOf(bytes)) {
    const { marker, parameters: p } = part;
    const found = frameIn(part);
    if (found && frame) throw new Error('it has two frame headers');
    frame ??= found;
    whole = marker === MARKERS.EOI;
    if (marker === MARKERS.SOS) scans.push(Array.from({ length: p[0] ?? 0 }, (_, i) => p[1 + 2 * i] ?? -1));
    if (marker === MARKERS.APP14 && p.length >= 12 && String.fromCharCode(...p.subarray(0, 5)) === 'Adobe')
      adobe = p[11] !== 0;
  }
  return { frame, adobe, whole, scans };
}

function blockVisits(frame: Frame, scans: Outline['scans']): number {
  const units = Math.ceil(frame.width / (8 * frame.across)) * Math.ceil(frame.height / (8 * frame.down));
  const blocks = new Map(frame.components.map(({ id, across, down }) => [id, units * across * down]));
  return scans.flat().reduce((sum, id) => sum + (blocks.get(id) ?? 0), 0);
}

/** CMYK or, converted as libjpeg does, YCCK to RGB by Pillow's formula; the file holds inverted inks. */
async function decodeCmyk(bytes: Uint8Array, ycck: boolean): Promise<Image> {
  const inks = await codec.decode(withoutComponent(bytes, 3, ycck ? COLOUR.YCbCr : COLOUR.none), false);
  const { data: black } = await codec.decode(withoutComponent(bytes, 1, COLOUR.none), false);
  const image = rgbOf(inks);
  for (let i = 0; i < image.data.length; i++) {
    const light = black[4 * Math.floor(i / 3) + 2]!;
    const ink = ycck ? image.data[i]! : 255 - image.data[i]!;
    const product = ink * light + 128;
    image.data[i] = light - ((product + (product >> 8)) >> 8);
  }
  return image;
}
