/** Batches of a fixed compiled size: what may be handed over, and how a short last batch is filled up. */
import { UserError } from '../base/errors.js';
import type { NetSpec } from '../nets/spec.js';

/**
 * Checks images [n, 3, h, w] and their labels [n].
 * @returns n
 * @throws Error on wrong lengths, pixels outside [0, 1] or labels that are no class: faults of the caller
 */
export function checkBatch(
  x: Float32Array,
  labels: Uint32Array,
  { height, width, classes }: Pick<NetSpec, 'height' | 'width' | 'classes'>,
  batch: number,
): number {
  expectArray('images', x, Float32Array);
  expectArray('labels', labels, Uint32Array);
  const elements = 3 * height * width;
  const count = x.length / elements;
  if (!Number.isInteger(count) || count < 1 || count > batch) {
    throw new Error(
      `images: expected 1 to ${batch} images of ${elements} values ([n, 3, ${height}, ${width}]), got ${x.length} values`,
    );
  }
  if (labels.length !== count)
    throw new Error(`labels: expected ${count}, one an image, got ${labels.length}`);
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new Error(`labels: expected classes 0 to ${classes - 1}, got ${labels[wrong]} for image ${wrong}`);
  }
  const outside = x.findIndex((value) => !(value >= 0 && value <= 1));
  if (outside >= 0) {
    throw new Error(
      `images: expected pixels in [0, 1] (the net normalises by itself), got ${x[outside]} in image ${Math.floor(outside / elements)}`,
    );
  }
  return count;
}

/**
 * The values of `count` images repeated until there are `batch` images' worth of them. Images do not influence each
 * other, so the copies are only there to be computed and dropped.
 */
export function padded<T extends Float32Array | Uint32Array>(values: T, count: number, batch: number): T {
  if (count === batch) return values;
  const size = values.length / count;
  const full = new (values.constructor as new (length: number) => T)(batch * size);
  for (let at = 0; at < full.length; at += values.length) {
    full.set(values.subarray(0, Math.min(values.length, full.length - at)), at);
  }
  return full;
}

function expectArray(what: string, value: unknown, type: Float32ArrayConstructor | Uint32ArrayConstructor) {
  if (value instanceof type) return;
  throw new UserError(
    `${what}: expected a ${type.name}, got ${kindOf(value)}; ${type.name}.from(values) makes one`,
  );
}

/**
 * What is compiled of a net for batches of a size: the engine, the net and the size, as callers from JavaScript may mix them up.
 * @throws UserError
 */
export function checkCompiled(
  where: string,
  engine: unknown,
  model: unknown,
  options: unknown,
  batch: unknown,
): void {
  if (typeof (engine as { compile?: unknown } | undefined)?.compile !== 'function')
    throw new UserError(`${where}: expected an engine first, of createEngine, got ${kindOf(engine)}`);
  if (typeof (model as { spec?: unknown } | undefined)?.spec !== 'object')
    throw new UserError(`${where}: expected a model after the engine, of loadModel, got ${kindOf(model)}`);
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new UserError(
      `${where}: expected options as an object, such as { iterations: 20 }, got ${kindOf(options)}`,
    );
  if (!Number.isInteger(batch) || (batch as number) < 1)
    throw new UserError(
      `${where}: expected a batch, the most images of one run, of at least 1, got ${String(batch)}`,
    );
}

function kindOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return String(value);
  return `a ${value.constructor?.name ?? 'thing without a class'}`;
}
