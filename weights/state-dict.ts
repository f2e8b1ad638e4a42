/** The one entry that reads a weights file of any form. */

import { UserError } from '../base/errors.js';
import { nonFiniteIndex } from './floats.js';
import { isSafetensors, parseSafetensors } from './safetensors.js';
import type { StateDict } from './tensors.js';
import { parseTorch, torchForm } from './torch.js';

/**
 * Reads a weights file of any supported form, told apart by content: safetensors, PyTorch's zip (1.6 and later), its
 * pickle stream (0.1.10 to 1.5) and its tar (before 0.1.10). Nothing in the file is executed.
 * `bytes` must stay unchanged: tensors are views of it. `source` is the file's name for messages.
 * @throws UserError for an unknown or damaged file, and for a NaN or infinity in a float tensor (names tensor and index).
 */
export function parseStateDict(bytes: Uint8Array, source: string): StateDict {
  const form = isSafetensors(bytes) ? 'safetensors' : torchForm(bytes);
  if (!form) throw new UserError(`${source}: expected safetensors or a PyTorch file, got ${describe(bytes)}`);
  const result = form === 'safetensors' ? parseSafetensors(bytes, source) : parseTorch(bytes, source, form);
  for (const [name, tensor] of result.tensors) {
    const index = nonFiniteIndex(tensor);
    if (index >= 0) {
      throw new UserError(
        `${source}: tensor "${name}" (${tensor.dtype} [${tensor.shape}]) holds NaN or infinity at flat index ${index}; ` +
          `expected finite weights, so training diverged or the file is damaged`,
      );
    }
  }
  return result;
}

/** Says what a file that is no weights file looks like, with the remedy where one is known. */
function describe(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'an empty file (0 bytes); fetch or copy it again';
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  if (/^\s*</.test(head)) return 'HTML or XML text (a failed download?); fetch the file again';
  if (head.startsWith('version https://git-lfs'))
    return 'a Git LFS pointer; run "git lfs pull" to get the file itself';
  if (head.startsWith('\x89HDF')) return 'an HDF5 (Keras) file; convert it to safetensors first';
  if (head.startsWith('\x93NUMPY')) return 'a NumPy array; save the whole state dict as safetensors';
  if (head.startsWith('GGUF')) return 'a GGUF file; use the safetensors or .pth form of the net';
  if (head.startsWith('\x1f\x8b')) return 'a gzip file; unpack it first';
  if (bytes[0] === 0x80)
    return 'a plain Python pickle; save the state dict with torch.save or as safetensors';
  const hex = Array.from(bytes.subarray(0, 8), (b) => b.toString(16).padStart(2, '0')).join(' ');
  return `${bytes.length} bytes beginning ${hex} (another format, or a damaged or truncated file)`;
}
