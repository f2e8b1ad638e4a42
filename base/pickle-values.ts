/** Python values as pickle.ts builds them: plain data, and placeholders for what is not known. */

/** What a pickle can hold here. Dicts (and OrderedDicts) are Maps, lists are arrays. */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyValue[]
  | PyTuple
  | Map<PyValue, PyValue>
  | PyGlobal
  | Opaque
  | PyObject;

export class PyTuple {
  constructor(readonly items: readonly PyValue[]) {}
}

/** Stands for an object of a class that is not known here: its name is all that is kept. */
export class Opaque {
  constructor(readonly name: string) {}
}

/** A value of the caller's own (a tensor, a storage); `setState` takes the operand of BUILD. */
export abstract class PyObject {
  setState(_state: PyValue): void {}
}

/** An allowed class or function: `call` builds the data that Python would get from calling it. */
export class PyGlobal {
  constructor(
    readonly name: string,
    readonly call: (args: readonly PyValue[]) => PyValue,
  ) {}
}

/** What is wrong in a pickle; callers put the file's name before the message. */
export class PickleError extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const latin1 = new TextDecoder('latin1');

/** Python 2's byte strings are text in these files: UTF-8, as torch.load assumes, or else Latin-1. */
export function decodeByteString(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return latin1.decode(bytes);
  }
}

/** Far more than a random generator's state in one number has; conversions to and from digits take the square of it. */
const MAX_LONG_BYTES = 1024;

/** Two's complement, little-endian; a number where it is safe. */
export function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length > MAX_LONG_BYTES)
    throw new PickleError(
      `the pickle holds a number of ${bytes.length} bytes, expected at most ${MAX_LONG_BYTES}`,
    );
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  if (bytes.length > 0 && bytes[bytes.length - 1]! & 0x80) value -= 1n << BigInt(8 * bytes.length);
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
