/** Tensors by name as weight files hold them: what readers produce and nets consume. */

export type HostDType =
  | 'f64'
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'i64'
  | 'i32'
  | 'i16'
  | 'i8'
  | 'u64'
  | 'u32'
  | 'u16'
  | 'u8'
  | 'bool';

/** A tensor in host memory, in its file's element type, C-contiguous. */
export interface HostTensor {
  /** C-contiguous. */
  readonly shape: readonly number[];
  /** Of the file's elements. */
  readonly dtype: HostDType;
  /** The values as f32 (a fresh array or a view of the file's bytes: the caller must not change it). */
  toFloat32(): Float32Array;
}

/** A host tensor that knows its bytes. */
export interface FileTensor extends HostTensor {
  /** The elements' bytes, little-endian, C-contiguous; a view of the file unless it was strided or big-endian. */
  raw(): Uint8Array;
}

/** The tensors of a weights file. */
export interface StateDict {
  /** By name, in the file's order. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Free text of the file: `architecture`, `dataset`, `mean`, `std`, `labels`… where the writer put them. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The file's name, for messages. */
  readonly source: string;
}
