import { printable } from './printable.js';

/** Lists of what was expected fit; a file's own text is cut where it is quoted. */
const MESSAGE_LIMIT = 2000;

/**
 * A mistake of the user's: one clear line (expected, got, what to do). The command line ends with exit code 2 on it. What a
 * message quotes from a file can neither steer a terminal nor flood it.
 */
export class UserError extends Error {
  /** The class's name; tells the error where `instanceof` can't, as between two bundles. */
  override readonly name = 'UserError';

  constructor(message: string) {
    super(printable(message, MESSAGE_LIMIT));
  }
}

/** A net or a device that gives NaN or infinity where numbers are needed. */
export class NonFiniteError extends Error {
  /** The class's name; tells the error where `instanceof` can't, as between two bundles. */
  override readonly name = 'NonFiniteError';
  /** One for which it does, [3, h, w]. */
  readonly image: Float32Array;

  constructor(message: string, image: Float32Array) {
    super(message);
    this.image = image;
  }
}

/** Tensors that do not fit together, or are none: expected, got, and where. */
export class ShapeError extends Error {
  /** The class's name; tells the error where `instanceof` can't, as between two bundles. */
  override readonly name = 'ShapeError';
}

/** A custom kernel that is no valid WGSL, or binds what the device does not take: the compiler's message and the numbered source. */
export class KernelError extends Error {
  /** The class's name; tells the error where `instanceof` can't, as between two bundles. */
  override readonly name = 'KernelError';
}

/** The device has no memory left for what was asked; what was made before it goes on. */
export class OutOfMemoryError extends Error {
  /** The class's name; tells the error where `instanceof` can't, as between two bundles. */
  override readonly name = 'OutOfMemoryError';
}

/** The device is gone, and with it everything of its engine. */
export class DeviceLostError extends Error {
  /** The class's name; tells the error where `instanceof` can't, as between two bundles. */
  override readonly name = 'DeviceLostError';
}
