/** Reads ustar archives in memory: names and byte ranges of plain files. POSIX.1-1988, with PAX and GNU headers skipped. */

export interface TarEntry {
  readonly name: string;
  /** A view of the archive. */
  readonly bytes: Uint8Array;
}

/** Thrown for what is no whole tar archive; callers put the file's name before the message. */
export class TarError extends Error {}

const BLOCK = 512;

function text(bytes: Uint8Array, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** The sum of the header's bytes with the checksum field as spaces. */
function checksum(bytes: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : bytes[at + i]!;
  return sum;
}

/** Whether a tar header with a right checksum begins at `at`. */
export function isTarHeader(bytes: Uint8Array, at = 0): boolean {
  if (bytes.length < at + BLOCK || bytes[at] === 0) return false;
  return Number.parseInt(text(bytes, at + 148, 8), 8) === checksum(bytes, at);
}

/**
 * Lists the plain files of a tar archive.
 * @throws TarError where a header is damaged or the archive ends inside a file.
 */
export function readTar(bytes: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = [];
  let at = 0;
  while (at + BLOCK <= bytes.length && bytes[at] !== 0) {
    if (!isTarHeader(bytes, at)) throw new TarError(`damaged tar archive: no valid header at byte ${at}`);
    const digits = text(bytes, at + 124, 12).trim();
    // Also refuses the binary sizes of GNU tar, for files of 8 GiB and more.
    if (!/^[0-7]+$/.test(digits)) throw new TarError(`damaged tar archive: no size at byte ${at + 124}`);
    const size = Number.parseInt(digits, 8);
    const type = bytes[at + 156]!;
    const start = at + BLOCK;
    if (!(start + size <= bytes.length))
      throw new TarError(
        `truncated tar archive: a file of ${size} bytes begins at byte ${start} of ${bytes.length}`,
      );
    // Type '0' or NUL is a plain file; folders, links and extended headers carry nothing that is wanted.
    if (type === 0x30 || type === 0) {
      const prefix = text(bytes, at + 257, 5) === 'ustar' ? text(bytes, at + 345, 155) : '';
      const name = text(bytes, at, 100);
      entries.push({ name: prefix ? `${prefix}/${name}` : name, bytes: bytes.subarray(start, start + size) });
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return entries;
}
