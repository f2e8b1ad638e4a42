/** How many images to work on at a time, unless the user says. */
import { UserError } from '../base/errors.js';
import type { Model } from '../nets/model.js';
import type { Console } from './console.js';
import type { Device } from './services.js';

/**
 * The batch for a net on a device: enough images to fill it, few enough that progress is seen and Ctrl-C loses little, and
 * never so many that an activation exceeds what the adapter lets a kernel bind. No more than `images`.
 */
export function chooseBatch(
  device: Device,
  model: Model,
  images: number,
  asked: number | undefined,
  console: Console,
): number {
  const { maxStorageBufferBindingSize, maxBufferSize } = device.traits.limits;
  const bytes = device.largestActivation(model) * 4;
  const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const most = Math.floor(limit / bytes);
  if (most < 1) {
    throw new UserError(
      `${model.name}: expected activations of at most ${mebibytes(limit)} (the adapter's limit), got ${mebibytes(bytes)} for one image; choose a smaller net or another adapter`,
    );
  }
  const preferred = asked ?? preferredBatch(model.spec.inputSize, device.adapter.software);
  if (asked !== undefined && asked > most) {
    console.note(
      `--batch ${asked} needs buffers of ${mebibytes(asked * bytes)}, the adapter binds ${mebibytes(limit)}: using ${most}`,
    );
  }
  return Math.max(1, Math.min(preferred, most, images));
}

function preferredBatch(inputSize: number, software: boolean): number {
  if (inputSize <= 64) return software ? 16 : 128;
  return software ? 1 : 16;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
