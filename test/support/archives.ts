/** Small files put together byte by byte, as no honest program writes them. */
import { crc32, deflateRawSync, deflateSync } from 'node:zlib';

export const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
export const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

function numbers(...fields: readonly (readonly [size: 2 | 4, value: number])[]): Uint8Array {
  return joined(
    ...fields.map(([size, value]) => {
      const bytes = Buffer.alloc(size);
      if (size === 2) bytes.writeUInt16LE(value);
      else bytes.writeUInt32LE(value);
      return new Uint8Array(bytes);
    }),
  );
}

const big = (value: number): Uint8Array =>
  Uint8Array.from([24, 16, 8, 0], (shift) => (value >>> shift) & 255);

export function pngChunk(type: string, content: Uint8Array): Uint8Array {
  const body = joined(ascii(type), content);
  return joined(big(content.length), body, big(crc32(body)));
}

export const pngHeader = (width: number, height: number, ...rest: readonly number[]): Uint8Array =>
  pngChunk('IHDR', joined(big(width), big(height), Uint8Array.from(rest)));

export const pngFile = (...chunks: readonly Uint8Array[]): Uint8Array =>
  joined(
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    ...chunks,
    pngChunk('IEND', new Uint8Array(0)),
  );

export const pngPixels = (bytes: number): Uint8Array =>
  pngChunk('IDAT', new Uint8Array(deflateSync(new Uint8Array(bytes))));

export interface ZipPart {
  readonly name: string;
  readonly content: Uint8Array;
  readonly deflated?: boolean;
  /** What is said falsely of it. */
  readonly localName?: string;
  readonly crc?: number;
  readonly size?: number;
  readonly flags?: number;
  /** Stands at the place of an entry before it. */
  readonly at?: number;
}

export function zipFile(parts: readonly ZipPart[]): Uint8Array {
  const bodies: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const part of parts) {
    const data = part.deflated ? new Uint8Array(deflateRawSync(part.content)) : part.content;
    const method = part.deflated ? 8 : 0;
    const crc = part.crc ?? crc32(part.content);
    const size = part.size ?? part.content.length;
    const fields = [
      [2, part.flags ?? 0],
      [2, method],
      [2, 0],
      [2, 0],
      [4, crc],
      [4, data.length],
      [4, size],
    ] as const;
    const local = part.localName ?? part.name;
    const name = ascii(part.name);
    const start = part.at ?? offset;
    if (part.at === undefined) {
      const body = joined(
        numbers([4, 0x04034b50], [2, 20], ...fields, [2, local.length], [2, 0]),
        ascii(local),
        data,
      );
      bodies.push(body);
      offset += body.length;
    }
    directory.push(
      numbers(
        [4, 0x02014b50],
        [2, 20],
        [2, 20],
        ...fields,
        [2, name.length],
        [2, 0],
        [2, 0],
        [2, 0],
        [2, 0],
        [4, 0],
        [4, start],
      ),
      name,
    );
  }
  const central = joined(...directory);
  return joined(
    ...bodies,
    central,
    numbers(
      [4, 0x06054b50],
      [2, 0],
      [2, 0],
      [2, parts.length],
      [2, parts.length],
      [4, central.length],
      [4, offset],
      [2, 0],
    ),
  );
}

/** A file of tar; sizes as they are given. */
export function tarFile(
  files: readonly (readonly [name: string, content: Uint8Array, size?: string])[],
): Uint8Array {
  const parts = files.map(([name, content, size]) => {
    const out = new Uint8Array(512 + Math.ceil(content.length / 512) * 512);
    out.set(ascii(name));
    out.set(ascii(size ?? content.length.toString(8).padStart(11, '0')), 124);
    out.set(ascii('        0'), 148);
    out.set(ascii('ustar'), 257);
    const sum = out.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    out.set(ascii(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    out.set(content, 512);
    return out;
  });
  return joined(...parts, new Uint8Array(1024));
}

export function safetensorsFile(header: string, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  return joined(numbers([4, json.length], [4, 0]), json, new Uint8Array(dataBytes));
}

/** Opcodes that leave a tensor of four elements of storage `key` on the stack; shape and strides as opcodes too. */
export function tensorCode(key: string, shape = 'K\x04\x85', strides = 'K\x01\x85', numel = 'K\x04'): string {
  const name = `X${String.fromCharCode(key.length)}\0\0\0${key}`;
  return (
    `ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n${name}X\x03\0\0\0cpu${numel}tQ` +
    `K\0${shape}${strides}\x89ccollections\nOrderedDict\n)RtR`
  );
}

/** A torch.save file of a state dict {"w": tensor} and what `more` adds to it, in opcodes. */
export function torchFile(more = '', tensor = tensorCode('0'), parts: readonly ZipPart[] = []): Uint8Array {
  return zipFile([
    { name: 'a/data.pkl', content: ascii(`\x80\x02}(X\x01\0\0\0w${tensor}u${more}.`) },
    { name: 'a/data/0', content: new Uint8Array(16) },
    ...parts,
  ]);
}
