/** Small NumPy arrays in a pickle: settings beside a state dict. As much of NumPy's pickling as numbers need. */
import { PickleError, PyObject, PyTuple, type PyValue } from '../base/pickle-values.js';

type Kind = 'f' | 'i' | 'u' | 'b';

class NumpyType extends PyObject {
  littleEndian = true;

  constructor(
    readonly kind: Kind | undefined,
    readonly size: number,
  ) {
    super();
  }

  /** (version, byte order, ...) */
  override setState(state: PyValue): void {
    if (state instanceof PyTuple) this.littleEndian = state.items[1] !== '>';
  }
}

/** An array, or a scalar, of numbers. */
export class NumpyArray extends PyObject {
  isScalar = false;
  type: NumpyType | undefined;
  bytes: Uint8Array | undefined;

  /** (version, shape, type, Fortran order, bytes); the order does not matter for lists of numbers. */
  override setState(state: PyValue): void {
    const [, , type, , bytes] = state instanceof PyTuple ? state.items : [];
    this.fill(type, bytes);
  }

  fill(type: PyValue | undefined, bytes: PyValue | undefined): this {
    if (type instanceof NumpyType) this.type = type;
    if (bytes instanceof Uint8Array) this.bytes = bytes;
    else if (typeof bytes === 'string') this.bytes = latin1Bytes(bytes);
    return this;
  }

  /** The numbers in memory order; none where the type is of another kind. */
  values(): number[] {
    const { type, bytes } = this;
    if (!type?.kind || !bytes || bytes.length % type.size !== 0) return [];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: bytes.length / type.size }, (_, k) => numberAt(view, k * type.size, type));
  }
}

function numberAt(view: DataView, at: number, { kind, size, littleEndian }: NumpyType): number {
  switch (`${kind}${size}`) {
    case 'f8':
      return view.getFloat64(at, littleEndian);
    case 'f4':
      return view.getFloat32(at, littleEndian);
    case 'i8':
      return Number(view.getBigInt64(at, littleEndian));
    case 'u8':
      return Number(view.getBigUint64(at, littleEndian));
    case 'i4':
      return view.getInt32(at, littleEndian);
    case 'u4':
      return view.getUint32(at, littleEndian);
    case 'i2':
      return view.getInt16(at, littleEndian);
    case 'u2':
      return view.getUint16(at, littleEndian);
    case 'i1':
      return view.getInt8(at);
    case 'u1':
    case 'b1':
      return view.getUint8(at);
    default:
      return Number.NaN;
  }
}

/** Protocol 2 has bytes as text of their Latin-1 codes. */
function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function type([text]: readonly PyValue[]): PyValue {
  const [, kind, size] = /^[<>=|]?([fiub])(\d)$/.exec(String(text)) ?? [];
  const known = kind !== undefined && `${kind}${size}` !== 'f2';
  return new NumpyType(known ? (kind as Kind) : undefined, Number(size ?? 1));
}

function encode([text]: readonly PyValue[]): PyValue {
  if (typeof text !== 'string') throw new PickleError('bytes are no text (damaged file?)');
  return latin1Bytes(text);
}

function scalar([of, bytes]: readonly PyValue[]): PyValue {
  const value = new NumpyArray().fill(of, bytes);
  value.isScalar = true;
  return value;
}

/** NumPy 2 has `_core` for `core`. */
export const NUMPY_GLOBALS: readonly (readonly [string, (args: readonly PyValue[]) => PyValue])[] = [
  ['numpy.dtype', type],
  ['_codecs.encode', encode],
  ...['core', '_core'].flatMap((core): [string, (args: readonly PyValue[]) => PyValue][] => [
    [`numpy.${core}.multiarray._reconstruct`, () => new NumpyArray()],
    [`numpy.${core}.multiarray.scalar`, scalar],
  ]),
];
