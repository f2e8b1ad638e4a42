/**
 * Takes one component out of a JPEG file without decoding it. The decoder reads three components and no more: a CMYK file is
 * decoded as two files of three, of which one lacks K and the other holds it (Node: image files are read there alone).
 */
import { type Frame, frameIn, MARKERS, type Segment, segmentsOf } from './jpeg-segments.js';

/** What three components stand for, as Adobe's segment says it. */
export const COLOUR = { none: 0, YCbCr: 1 } as const;

/** Baseline, extended and progressive, all Huffman-coded. */
const FRAMES = [0xc0, 0xc1, 0xc2];

/**
 * The file without component `dropped`. Codes are copied bit for bit: they stand for differences within one component, so
 * leaving out another's changes none of them.
 * @param colour what the remaining components stand for
 * @throws Error where the file is damaged, or of a form in which this can't be done
 */
export function withoutComponent(bytes: Uint8Array, dropped: number, colour: number): Uint8Array {
  const adobe = [...new TextEncoder().encode('Adobe'), 0, 100, 0, 0, 0, 0, colour];
  const parts: Uint8Array[] = [Uint8Array.of(0xff, MARKERS.SOI), segment(MARKERS.APP14, adobe)];
  const tables = new Map<number, HuffmanTable>();
  let frame: Frame | undefined;
  let id = -1;
  let restart = 0;
  for (const part of segmentsOf(bytes)) {
    const { marker, parameters: p } = part;
    const found = frameIn(part);
    if (found) {
      if (!FRAMES.includes(marker)) throw new Error('arithmetic coded or lossless');
      frame = found;
      id = frame.components[dropped]!.id;
      const left = frame.components.filter((_, i) => i !== dropped);
      const same = (of: 'across' | 'down') =>
        Math.max(...left.map((component) => component[of])) === frame![of];
      if (!same('across') || !same('down')) throw new Error('an unusual subsampling of CMYK');
      const rest = Array.from(p).filter((_, i) => i < 6 || Math.floor((i - 6) / 3) !== dropped);
      rest[5]!--;
      parts.push(segment(marker, rest));
    } else if (marker === MARKERS.DHT) {
      readTables(p, tables);
      parts.push(segment(marker, p));
    } else if (marker === MARKERS.DRI) {
      restart = (p[0]! << 8) | p[1]!;
      parts.push(segment(marker, p));
    } else if (marker === MARKERS.DQT) parts.push(segment(marker, p));
    else if (marker === MARKERS.SOS) {
      if (!frame) throw new Error('a scan before the frame header');
      parts.push(...scanWithout(id, part, frame, tables, restart));
    } else if (marker === MARKERS.EOI) parts.push(Uint8Array.of(0xff, MARKERS.EOI));
  }
  return Buffer.concat(parts);
}

/** A scan's segment and coded data without the component of that id; nothing if it was the only one. */
function scanWithout(
  id: number,
  { parameters: p, following }: Segment,
  frame: Frame,
  tables: ReadonlyMap<number, HuffmanTable>,
  restart: number,
): Uint8Array[] {
  const count = p[0] ?? 0;
  if (p.length < 4 + 2 * count) throw new Error('a scan header that is too short');
  const selectors = Array.from({ length: count }, (_, i) => [p[1 + 2 * i]!, p[2 + 2 * i]!] as const);
  const left = selectors.filter(([component]) => component !== id);
  if (left.length === 0) return [];
  const tail = p.subarray(1 + 2 * count);
  const header = segment(MARKERS.SOS, [left.length, ...left.flat(), ...tail]);
  if (left.length === count) return [header, following];
  // A scan of one component counts its blocks in another order.
  if (left.length === 1) throw new Error('an unusual division into scans');
  const [, lastCoefficient, approximation] = tail as unknown as [number, number, number];
  const blocks = selectors.flatMap(([component, choice]): BlockForm[] => {
    const found = frame.components.find((one) => one.id === component);
    if (!found) throw new Error('a scan of a component that is not there');
    const form = {
      copied: component !== id,
      dc: tables.get(choice >> 4),
      ac: lastCoefficient > 0 ? tables.get(0x10 | (choice & 15)) : undefined,
      refines: approximation >> 4 > 0,
      whole: lastCoefficient > 0,
    };
    return Array.from({ length: found.across * found.down }, () => form);
  });
  const units = Math.ceil(frame.width / (8 * frame.across)) * Math.ceil(frame.height / (8 * frame.down));
  const bits = new BitCopier(following);
  for (let unit = 0; unit < units; unit++) {
    if (restart > 0 && unit > 0 && unit % restart === 0) bits.restart();
    for (const block of blocks) copyBlock(bits, block);
  }
  return [header, bits.end()];
}

/** How the blocks of a component are coded in a scan. */
interface BlockForm {
  readonly copied: boolean;
  readonly dc: HuffmanTable | undefined;
  readonly ac: HuffmanTable | undefined;
  /** Progressive: one more bit of the DC coefficient. */
  readonly refines: boolean;
  /** Not progressive: all 64 coefficients. */
  readonly whole: boolean;
}

function copyBlock(bits: BitCopier, { copied, dc, ac, refines, whole }: BlockForm): void {
  bits.copies = copied;
  if (refines) {
    bits.take(1);
    return;
  }
  bits.take(bits.symbol(dc));
  for (let k = 1; whole && k < 64; k++) {
    const symbol = bits.symbol(ac);
    const size = symbol & 15;
    const run = symbol >> 4;
    // End of block; a run of 15 zeros and another is none.
    if (size === 0 && run < 15) return;
    k += run;
    bits.take(size);
  }
}

/** Canonical Huffman codes by length (T.81, annex F.2.2.3): `last` is the greatest code of a length, -1 if it has none. */
interface HuffmanTable {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly start: readonly number[];
  readonly symbols: Uint8Array;
}

/** Reads the tables of a DHT segment by class and number: 0x00 and on for DC, 0x10 and on for AC. */
function readTables(p: Uint8Array, tables: Map<number, HuffmanTable>): void {
  for (let at = 0; at + 17 <= p.length; ) {
    const first = [0];
    const last = [-1];
    const start = [0];
    let code = 0;
    let used = 0;
    for (let length = 1; length <= 16; length++) {
      const count = p[at + length]!;
      first.push(code);
      last.push(count > 0 ? code + count - 1 : -1);
      start.push(used);
      used += count;
      code = (code + count) << 1;
    }
    tables.set(p[at]!, { first, last, start, symbols: p.subarray(at + 17, at + 17 + used) });
    at += 17 + used;
  }
}

/** Reads a scan's coded data bit by bit, and writes those bits again for which `copies` is set. */
class BitCopier {
  copies = true;
  readonly #from: Uint8Array;
  #at = 0;
  #byte = 0;
  #left = 0;
  readonly #to: Uint8Array;
  #length = 0;
  #pending = 1;
  #restarts = 0;

  constructor(from: Uint8Array) {
    this.#from = from;
    // Other bytes than before may need stuffing.
    this.#to = new Uint8Array(2 * from.length + 64);
  }

  take(count: number): void {
    for (let i = 0; i < count; i++) this.#bit();
  }

  symbol(table: HuffmanTable | undefined): number {
    if (!table) throw new Error('a missing Huffman table');
    let code = 0;
    for (let length = 1; length <= 16; length++) {
      code = (code << 1) | this.#bit();
      if (code <= table.last[length]!)
        return table.symbols[table.start[length]! + code - table.first[length]!] ?? 0;
    }
    throw new Error('a bad Huffman code');
  }

  /** Both sides start again at a whole byte after a marker. */
  restart(): void {
    this.#left = 0;
    while (this.#from[this.#at] === 0xff && this.#from[this.#at + 1] === 0xff) this.#at++;
    if (this.#from[this.#at] !== 0xff || this.#from[this.#at + 1]! >> 3 !== 0xd0 >> 3)
      throw new Error('a missing restart marker');
    this.#at += 2;
    this.#fill();
    this.#to[this.#length++] = 0xff;
    this.#to[this.#length++] = 0xd0 | (this.#restarts++ & 7);
  }

  end(): Uint8Array {
    this.#fill();
    return this.#to.subarray(0, this.#length);
  }

  #bit(): number {
    if (this.#left === 0) {
      const byte = this.#from[this.#at];
      const stuffed = byte === 0xff;
      if (byte === undefined || (stuffed && this.#from[this.#at + 1] !== 0))
        throw new Error('coded data that ends too early');
      this.#at += stuffed ? 2 : 1;
      this.#byte = byte;
      this.#left = 8;
    }
    const bit = (this.#byte >> --this.#left) & 1;
    if (this.copies) this.#put(bit);
    return bit;
  }

  /** A leading one marks how many bits of the byte are there. */
  #put(bit: number): void {
    this.#pending = (this.#pending << 1) | bit;
    if (this.#pending < 0x100) return;
    const byte = this.#pending & 0xff;
    this.#to[this.#length++] = byte;
    if (byte === 0xff) this.#to[this.#length++] = 0;
    this.#pending = 1;
  }

  /** Ones up to a whole byte. */
  #fill(): void {
    while (this.#pending > 1) this.#put(1);
  }
}

function segment(marker: number, parameters: ArrayLike<number>): Uint8Array {
  const length = parameters.length + 2;
  return Uint8Array.of(0xff, marker, length >> 8, length & 0xff, ...Array.from(parameters));
}
