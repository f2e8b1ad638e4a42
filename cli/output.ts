/** stdout whose end is told: a result that was cut short must not look like a whole one. */
import { fstatSync, writeSync } from 'node:fs';
import { fileReason } from '../node/file-errors.js';
import type { Stream } from './console.js';

/**
 * Node writes to a file with one call of the system, and passes over what that call left out; an error comes after the text that
 * follows. This writes all, or throws.
 */
export class FileOutput implements Stream {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** @throws Error where the disk takes no more */
  write(text: string): void {
    const bytes = Buffer.from(text);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
    } catch (error) {
      throw new Error(`the output: ${fileReason(error)}; what was written is not whole`, { cause: error });
    }
  }
}

/** `stream` itself where it is a terminal or a pipe, which Node cares for. */
export function wholeOutput(stream: NodeJS.WriteStream & { readonly fd: number }): Stream {
  try {
    const info = fstatSync(stream.fd);
    return !stream.isTTY && (info.isFile() || info.isCharacterDevice()) ? new FileOutput(stream.fd) : stream;
  } catch {
    // Closed by who started this.
    return stream;
  }
}
