/**
 * PyTorch's zip form (torch.save since 1.6): `NAME/data.pkl`, `NAME/byteorder`, `NAME/data/KEY` per storage, all stored
 * without compression and aligned to 64 bytes, so that a storage is a view of the file. A small reader of its own: a
 * general one would copy every entry. PKWARE APPNOTE 6.3.10, with ZIP64.
 */

import { inflateSync } from 'fflate';
import { UserError } from '../base/errors.js';
import { BYTES_PER_ELEMENT } from './host-tensor.js';
import { torchHost } from './torch-globals.js';
import { unpickle } from './torch-pickle.js';
import { PickleError, type PyValue } from './torch-values.js';

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
/** Limit on all that must be inflated into memory. */
const MAX_INFLATED_BYTES = 2 ** 32;

/** Whether bytes begin with a zip entry. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

/**
 * Reads the checkpoint's object tree; storages are views of `bytes` unless compressed or big-endian.
 * @throws UserError for a truncated or damaged archive, or one that is no torch.save file.
 */
export function readTorchZip(bytes: Uint8Array, source: string): PyValue {
  const archive = new Archive(bytes, source);
  const pickle = [...archive.entries.keys()].find((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (!pickle) {
    throw new UserError(
      `${source}: expected a file written by torch.save, got a zip archive without data.pkl`,
    );
  }
  const root = pickle.slice(0, -'data.pkl'.length);
  if (archive.entries.has(`${root}constants.pkl`)) {
    throw new UserError(
      `${source}: expected a state dict, got a TorchScript archive; save model.state_dict() instead`,
    );
  }
  const order = archive.entries.has(`${root}byteorder`)
    ? new TextDecoder().decode(archive.read(`${root}byteorder`)).trim()
    : 'little';
  if (order !== 'little' && order !== 'big') throw new UserError(`${source}: unknown byte order "${order}"`);
  const host = torchHost((key, storage) => {
    const size = BYTES_PER_ELEMENT[storage.dtype];
    const data = archive.read(`${root}data/${key}`);
    if (data.length < storage.numel * size) {
      throw new PickleError(
        `storage ${key} needs ${storage.numel * size} bytes, the archive holds ${data.length}`,
      );
    }
    storage.bytes = order === 'big' ? swapped(data, size) : data;
  });
  try {
    return unpickle(archive.read(pickle, true), 0, host).value;
  } catch (error) {
    if (error instanceof PickleError) throw new UserError(`${source}: ${error.message}`);
    throw error;
  }
}

function swapped(data: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let i = 0; i + size <= data.length; i += size)
    for (let b = 0; b < size; b++) out[i + b] = data[i + size - 1 - b]!;
  return out;
}

class Archive {
  readonly entries = new Map<string, Entry>();
  private readonly view: DataView;
  private readonly directory: number;
  private inflated = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly source: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { offset, size, count } = this.findDirectory();
    this.directory = offset;
    if (offset + size > bytes.length) this.fail('its directory lies beyond its end');
    let position = offset;
    for (let i = 0; i < count; i++) {
      const { entry, end } = this.readEntry(position);
      if (this.entries.has(entry.name)) this.fail(`it holds two entries named ${entry.name}`);
      this.entries.set(entry.name, entry);
      position = end;
    }
  }

  private fail(problem: string): never {
    throw new UserError(
      `${this.source}: damaged or truncated zip archive: ${problem}; fetch or copy the file again`,
    );
  }

  private u16(at: number): number {
    return at + 2 <= this.bytes.length ? this.view.getUint16(at, true) : this.fail('it ends inside a header');
  }

  private u32(at: number): number {
    return at + 4 <= this.bytes.length ? this.view.getUint32(at, true) : this.fail('it ends inside a header');
  }

  private u64(at: number): number {
    return at + 8 <= this.bytes.length
      ? Number(this.view.getBigUint64(at, true))
      : this.fail('it ends inside a header');
  }

  private findDirectory(): { offset: number; size: number; count: number } {
    // The end record is 22 bytes and a comment of up to 64 KiB.
    const lowest = Math.max(0, this.bytes.length - 22 - 65535);
    let end = this.bytes.length - 22;
    while (end >= lowest && this.u32(end) !== 0x06054b50) end--;
    if (end < lowest) this.fail('its directory is missing');
    const locator = end - 20;
    if (locator >= 0 && this.u32(locator) === 0x07064b50) {
      const zip64 = this.u64(locator + 8);
      if (this.u32(zip64) !== 0x06064b50) this.fail('its ZIP64 record is missing');
      return { count: this.u64(zip64 + 32), size: this.u64(zip64 + 40), offset: this.u64(zip64 + 48) };
    }
    return { count: this.u16(end + 10), size: this.u32(end + 12), offset: this.u32(end + 16) };
  }

  private readEntry(at: number): { entry: Entry; end: number } {
    if (this.u32(at) !== 0x02014b50) this.fail('its directory is malformed');
    if (this.u16(at + 8) & 1) this.fail('it is encrypted');
    const nameEnd = at + 46 + this.u16(at + 28);
    const extraEnd = nameEnd + this.u16(at + 30);
    const fields = {
      compressed: this.u32(at + 20),
      size: this.u32(at + 24),
      headerOffset: this.u32(at + 42),
    };
    for (let extra = nameEnd; extra + 4 <= extraEnd; extra += 4 + this.u16(extra + 2)) {
      if (this.u16(extra) !== 1) continue;
      // ZIP64: only the fields that overflowed, in this order.
      let field = extra + 4;
      for (const key of ['size', 'compressed', 'headerOffset'] as const) {
        if (fields[key] !== 0xffffffff) continue;
        fields[key] = this.u64(field);
        field += 8;
      }
    }
    const name = new TextDecoder().decode(this.bytes.subarray(at + 46, nameEnd));
    const entry = { name, method: this.u16(at + 10), crc: this.u32(at + 16), ...fields };
    return { entry, end: extraEnd + this.u16(at + 32) };
  }

  /** An entry's bytes: a view where stored, inflated where deflated. `verify` checks the CRC of a stored entry too. */
  read(name: string, verify = false): Uint8Array {
    const entry = this.entries.get(name) ?? this.fail(`${name} is missing`);
    const header = entry.headerOffset;
    if (this.u32(header) !== 0x04034b50) this.fail(`${name} has no header`);
    const start = header + 30 + this.u16(header + 26) + this.u16(header + 28);
    const end = start + entry.compressed;
    if (end > this.directory) this.fail(`${name} lies beyond the end of the data`);
    const packed = this.bytes.subarray(start, end);
    if (entry.method === 0) {
      if (entry.size !== entry.compressed) this.fail(`${name} is stored with two different sizes`);
      if (verify && crc32(packed) !== entry.crc) this.fail(`${name} does not match its checksum`);
      return packed;
    }
    if (entry.method !== 8)
      this.fail(`${name} uses compression method ${entry.method}, expected stored or deflate`);
    this.inflated += entry.size;
    if (entry.size > entry.compressed * MAX_DEFLATE_RATIO + 64 || this.inflated > MAX_INFLATED_BYTES) {
      this.fail(`${name} claims ${entry.size} bytes from ${entry.compressed} compressed ones`);
    }
    let out: Uint8Array;
    try {
      // One byte to spare, so that data longer than declared shows.
      out = inflateSync(packed, { out: new Uint8Array(entry.size + 1) });
    } catch (error) {
      return this.fail(`${name}: ${(error as Error).message}`);
    }
    if (out.length !== entry.size || crc32(out) !== entry.crc)
      this.fail(`${name} does not match its size or checksum`);
    return out;
  }
}

let crcTable: Uint32Array | undefined;

function crc32(bytes: Uint8Array): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c;
  });
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
