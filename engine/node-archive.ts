/** Reads tar archives from memory: npm packages, data sets, drivers. Knows ustar, pax paths and GNU long names; no links. */

const BLOCK = 512;

/**
 * Lists the regular files of a tar archive (not compressed).
 * @returns path -> contents, as views into `bytes`, in archive order; a later entry of the same path wins
 * @throws Error where `bytes` is not a tar archive or is cut off
 */
export function readTar(bytes: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let at = 0;
  let longName: string | undefined;
  while (at + BLOCK <= bytes.length) {
    const header = bytes.subarray(at, at + BLOCK);
    // Archives end with zero blocks; some writers leave them out.
    if (header.every((byte) => byte === 0)) return files;
    checkHeader(header, at);
    const size = numberField(header, 124, 12);
    const start = at + BLOCK;
    const end = start + size;
    if (end > bytes.length) {
      throw new Error(
        `tar archive: expected ${size} bytes at ${start}, got ${bytes.length - start}; fetch it again`,
      );
    }
    const data = bytes.subarray(start, end);
    const type = String.fromCharCode(header[156]!);
    if (type === 'x') longName = paxPath(data) ?? longName;
    else if (type === 'L') longName = textField(data, 0, data.length);
    else {
      if (type === '0' || type === '\0' || type === '7') files.set(longName ?? shortName(header), data);
      longName = undefined;
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  if (files.size === 0)
    throw new Error(`tar archive: expected blocks of ${BLOCK} bytes, got ${bytes.length} bytes`);
  return files;
}

/** The header's checksum counts its own field as spaces. */
function checkHeader(header: Uint8Array, at: number): void {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : header[i]!;
  const stored = numberField(header, 148, 8);
  if (sum !== stored) {
    throw new Error(
      `tar archive: expected a header with checksum ${sum} at byte ${at}, got ${stored}; not a tar file?`,
    );
  }
}

function shortName(header: Uint8Array): string {
  const name = textField(header, 0, 100);
  const prefix = textField(header, 257, 5) === 'ustar' ? textField(header, 345, 155) : '';
  return prefix ? `${prefix}/${name}` : name;
}

/** pax records are `LENGTH KEY=VALUE\n`, where LENGTH counts bytes and itself. */
function paxPath(data: Uint8Array): string | undefined {
  const decoder = new TextDecoder();
  for (let at = 0; at < data.length; ) {
    const length = Number.parseInt(decoder.decode(data.subarray(at, at + 20)), 10);
    if (!(length > 0)) return undefined;
    const record = decoder.decode(data.subarray(at, at + length - 1));
    const text = record.slice(record.indexOf(' ') + 1);
    if (text.startsWith('path=')) return text.slice('path='.length);
    at += length;
  }
  return undefined;
}

function textField(bytes: Uint8Array, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** Octal text, or big-endian binary where the first bit is set (GNU, for 8 GiB and more). */
function numberField(bytes: Uint8Array, start: number, length: number): number {
  if ((bytes[start]! & 0x80) === 0) return Number.parseInt(textField(bytes, start, length).trim() || '0', 8);
  let value = bytes[start]! & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + bytes[start + i]!;
  return value;
}
