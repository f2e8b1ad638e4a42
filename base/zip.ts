/**
 * Reads zip archives in memory: PKWARE APPNOTE 6.3.10, with ZIP64, stored or deflated. A reader of our own, since entries are
 * views of the archive where stored (weights of hundreds of megabytes), and since an archive must be whole: entries that share
 * bytes, have two names or claim more than the file can hold are refused before anything is allocated.
 */

import { Inflate } from 'fflate';
import { crc32 } from './crc32.js';
import { UserError } from './errors.js';
import { printable } from './printable.js';

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  readonly headerOffset: number;
}

/** Deflate cannot do better than 1032:1; what claims more is no honest file. */
const MAX_DEFLATE_RATIO = 1032;
/** Limit on all that is inflated: weights do not pack well. */
const INFLATED_PER_BYTE = 16;
const FREE_INFLATED = 2 ** 24;
/** Packed bytes at a time, so that data longer than declared shows soon. */
const INFLATE_CHUNK = 2 ** 12;
const ENCRYPTED = 1;

/** Whether bytes begin with a zip entry. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

export class ZipArchive {
  /** By name; the packed bytes are within the archive and no two entries share any. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly #bytes: Uint8Array;
  readonly #source: string;
  readonly #view: DataView;
  readonly #starts = new Map<Entry, number>();
  #inflated = 0;

  /** @throws UserError where the archive is damaged, truncated or encrypted; `source` is its name for messages */
  constructor(bytes: Uint8Array, source: string) {
    this.#bytes = bytes;
    this.#source = source;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { offset, size, count } = this.#findDirectory();
    if (offset + size > bytes.length) this.#fail('its directory lies beyond its end');
    const entries = new Map<string, Entry>();
    let position = offset;
    for (let i = 0; i < count; i++) {
      const { entry, end } = this.#readEntry(position);
      if (entries.has(entry.name)) this.#fail(`it holds two entries named ${printable(entry.name)}`);
      entries.set(entry.name, entry);
      position = end;
    }
    this.entries = entries;
    this.#checkRanges(offset);
  }

  /**
   * An entry's bytes: a view where stored, inflated where deflated. The checksum is compared, unless it is 0 in a stored
   * entry, as torch.save may leave it.
   */
  read(name: string): Uint8Array {
    const entry = this.entries.get(name) ?? this.#fail(`${printable(name)} is missing`);
    const start = this.#starts.get(entry)!;
    const packed = this.#bytes.subarray(start, start + entry.compressed);
    const stored = entry.method === 0;
    const data = stored ? packed : this.#inflate(entry, packed);
    if (!(stored && entry.crc === 0) && crc32(data) !== entry.crc)
      this.#fail(`${printable(name)} does not match its checksum`);
    return data;
  }

  #fail(problem: string): never {
    throw new UserError(
      `${this.#source}: damaged or truncated zip archive: ${problem}; fetch or copy the file again`,
    );
  }

  #u16(at: number): number {
    return at + 2 <= this.#bytes.length
      ? this.#view.getUint16(at, true)
      : this.#fail('it ends inside a header');
  }

  #u32(at: number): number {
    return at + 4 <= this.#bytes.length
      ? this.#view.getUint32(at, true)
      : this.#fail('it ends inside a header');
  }

  #u64(at: number): number {
    return at + 8 <= this.#bytes.length
      ? Number(this.#view.getBigUint64(at, true))
      : this.#fail('it ends inside a header');
  }

  #findDirectory(): { offset: number; size: number; count: number } {
    // The end record is 22 bytes and a comment of up to 64 KiB.
    const lowest = Math.max(0, this.#bytes.length - 22 - 65535);
    let end = this.#bytes.length - 22;
    while (end >= lowest && this.#u32(end) !== 0x06054b50) end--;
    if (end < lowest) this.#fail('its directory is missing');
    const locator = end - 20;
    if (locator >= 0 && this.#u32(locator) === 0x07064b50) {
      const zip64 = this.#u64(locator + 8);
      if (this.#u32(zip64) !== 0x06064b50) this.#fail('its ZIP64 record is missing');
      return { count: this.#u64(zip64 + 32), size: this.#u64(zip64 + 40), offset: this.#u64(zip64 + 48) };
    }
    return { count: this.#u16(end + 10), size: this.#u32(end + 12), offset: this.#u32(end + 16) };
  }

  #readEntry(at: number): { entry: Entry; end: number } {
    if (this.#u32(at) !== 0x02014b50) this.#fail('its directory is malformed');
    if (this.#u16(at + 8) & ENCRYPTED) this.#fail('it is encrypted');
    const nameEnd = at + 46 + this.#u16(at + 28);
    const extraEnd = nameEnd + this.#u16(at + 30);
    const fields = {
      compressed: this.#u32(at + 20),
      size: this.#u32(at + 24),
      headerOffset: this.#u32(at + 42),
    };
    for (let extra = nameEnd; extra + 4 <= extraEnd; ) {
      const end = extra + 4 + this.#u16(extra + 2);
      if (end > extraEnd) this.#fail('its directory has an extra field that is too long');
      if (this.#u16(extra) === 1) {
        // ZIP64: only the fields that overflowed, in this order.
        let field = extra + 4;
        for (const key of ['size', 'compressed', 'headerOffset'] as const) {
          if (fields[key] !== 0xffffffff) continue;
          if (field + 8 > end) this.#fail('its directory has a ZIP64 field that is too short');
          fields[key] = this.#u64(field);
          field += 8;
        }
      }
      extra = end;
    }
    const name = this.#name(at + 46, nameEnd);
    const entry = { name, method: this.#u16(at + 10), crc: this.#u32(at + 16), ...fields };
    return { entry, end: extraEnd + this.#u16(at + 32) };
  }

  #name(start: number, end: number): string {
    return new TextDecoder().decode(this.#bytes.subarray(start, end));
  }

  /** Every entry has a header of its own that agrees with the directory, and packed bytes that no other has. */
  #checkRanges(directory: number): void {
    const byOffset = [...this.entries.values()].sort((a, b) => a.headerOffset - b.headerOffset);
    let free = 0;
    for (const entry of byOffset) {
      const { headerOffset: header, compressed, size, method } = entry;
      const name = printable(entry.name);
      if (this.#u32(header) !== 0x04034b50) this.#fail(`${name} has no header`);
      if (this.#u16(header + 6) & ENCRYPTED) this.#fail('it is encrypted');
      const nameEnd = header + 30 + this.#u16(header + 26);
      if (this.#name(header + 30, nameEnd) !== entry.name || this.#u16(header + 8) !== method)
        this.#fail(`${name} is another entry in its own header`);
      const start = nameEnd + this.#u16(header + 28);
      if (header < free) this.#fail(`${name} shares bytes with another entry`);
      free = start + compressed;
      if (free > directory) this.#fail(`${name} lies beyond the end of the data`);
      if (method !== 0 && method !== 8)
        this.#fail(`${name} uses compression method ${method}, expected stored or deflate`);
      if (method === 0 && size !== compressed) this.#fail(`${name} is stored with two different sizes`);
      this.#starts.set(entry, start);
    }
  }

  #inflate({ name, compressed, size }: Entry, packed: Uint8Array): Uint8Array {
    this.#inflated += size;
    const limit = INFLATED_PER_BYTE * this.#bytes.length + FREE_INFLATED;
    if (size > compressed * MAX_DEFLATE_RATIO + 64 || this.#inflated > limit)
      this.#fail(`${printable(name)} claims ${size} bytes from ${compressed} compressed ones`);
    const out = new Uint8Array(size);
    let length = 0;
    const inflate = new Inflate((chunk) => {
      if (length + chunk.length > size) throw new Error('it holds more data than declared');
      out.set(chunk, length);
      length += chunk.length;
    });
    try {
      for (let at = 0; at < compressed; at += INFLATE_CHUNK)
        inflate.push(packed.subarray(at, at + INFLATE_CHUNK), at + INFLATE_CHUNK >= compressed);
    } catch (error) {
      return this.#fail(`${printable(name)}: ${(error as Error).message}`);
    }
    if (length !== size) this.#fail(`${printable(name)} does not match its size`);
    return out;
  }
}
