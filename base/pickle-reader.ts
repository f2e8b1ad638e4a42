/** The bytes of a pickle: numbers, strings and the opcodes that stand for a constant. pickle.ts is the machine over it. */
import { decodeByteString, decodeLong, PickleError, type PyValue } from './pickle-values.js';

export class PickleReader {
  position: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  /** @param keepsBytes whether Python 2's byte strings are bytes; else text */
  constructor(
    bytes: Uint8Array,
    position: number,
    private readonly keepsBytes = false,
  ) {
    this.bytes = bytes;
    this.position = position;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Of all bytes, read or not. */
  get length(): number {
    return this.bytes.length;
  }

  private take(count: number): Uint8Array {
    const start = this.advance(count);
    return this.bytes.subarray(start, this.position);
  }

  /** The position before the `count` bytes that it passes. */
  private advance(count: number): number {
    if (count > this.bytes.length - this.position) {
      throw new PickleError(
        `the pickle needs ${count} bytes at byte ${this.position}, ${this.bytes.length - this.position} are left (truncated?)`,
      );
    }
    this.position += count;
    return this.position - count;
  }

  u8 = (): number => this.view.getUint8(this.advance(1));
  u32 = (): number => this.view.getUint32(this.advance(4), true);
  u64 = (): number => Number(this.view.getBigUint64(this.advance(8), true));

  /** A line of text without its newline (protocol 0, and GLOBAL). */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleError(`the pickle ends inside a line at byte ${this.position} (truncated?)`);
    const text = decodeByteString(this.take(end - this.position));
    this.position++;
    return text;
  }

  private byteString(length: number): PyValue {
    const bytes = this.take(length);
    return this.keepsBytes ? bytes : decodeByteString(bytes);
  }

  /** The constant that an opcode stands for, with what follows of it; undefined of other opcodes. */
  constant(opcode: string): PyValue | undefined {
    switch (opcode) {
      case 'N':
        return null;
      case '\x88':
        return true;
      case '\x89':
        return false;
      case 'J':
        return this.view.getInt32(this.advance(4), true);
      case 'K':
        return this.u8();
      case 'M':
        return this.view.getUint16(this.advance(2), true);
      case '\x8a': // LONG1
        return decodeLong(this.take(this.u8()));
      case '\x8b': // LONG4
        return decodeLong(this.take(this.u32()));
      case 'G':
        return this.view.getFloat64(this.advance(8), false);
      case 'I': {
        const text = this.line();
        return text === '00' ? false : text === '01' ? true : Number(text);
      }
      case 'L':
        return Number(this.line().replace(/L$/, ''));
      case 'F':
        return Number(this.line());
      case 'X': // BINUNICODE
        return decodeByteString(this.take(this.u32()));
      case '\x8c': // SHORT_BINUNICODE
        return decodeByteString(this.take(this.u8()));
      case '\x8d': // BINUNICODE8
        return decodeByteString(this.take(this.u64()));
      case 'U': // SHORT_BINSTRING
        return this.byteString(this.u8());
      case 'T': // BINSTRING
        return this.byteString(this.u32());
      case 'V':
        return this.line();
      case 'S':
        return this.line().replace(/^(['"])(.*)\1$/, '$2');
      case 'C': // SHORT_BINBYTES
        return this.take(this.u8());
      case 'B': // BINBYTES
        return this.take(this.u32());
      case '\x8e': // BINBYTES8
      case '\x96': // BYTEARRAY8
        return this.take(this.u64());
      default:
        return undefined;
    }
  }
}
