/** A small seeded generator for test data: the same numbers on every machine and run. */

/** splitmix32: a Weyl counter through a bijective integer hash. */
export class Random {
  #state: number;

  /** Any integer; equal seeds give equal sequences. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform integer in 0..2^32-1. */
  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let h = this.#state;
    h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
    h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
    return (h ^ (h >>> 15)) >>> 0;
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + ((high - low) * this.uint32()) / 2 ** 32;
  }

  /** Uniform integer in 0..count-1. */
  below(count: number): number {
    return Math.floor(this.uniform(0, count));
  }

  /** Normal with mean 0 (Box-Muller; the second value is not kept). */
  normal(deviation = 1): number {
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) / 2 ** 32));
    return deviation * radius * Math.cos(2 * Math.PI * this.uniform());
  }

  uniformArray(length: number, low = 0, high = 1): Float32Array {
    return Float32Array.from({ length }, () => this.uniform(low, high));
  }

  normalArray(length: number, deviation = 1): Float32Array {
    return Float32Array.from({ length }, () => this.normal(deviation));
  }

  /** Doubles that are exact f32 values, so that a reference and the GPU see the same numbers. */
  normalDoubles(length: number, deviation = 1): Float64Array {
    return Float64Array.from(this.normalArray(length, deviation));
  }

  uniformDoubles(length: number, low = 0, high = 1): Float64Array {
    return Float64Array.from(this.uniformArray(length, low, high));
  }

  /** Class indices in 0..classes-1. */
  labels(length: number, classes: number): Uint32Array {
    return Uint32Array.from({ length }, () => this.below(classes));
  }
}
