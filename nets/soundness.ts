/** What a net's tensors must hold to that each of them, being finite, does not: refused before anything is computed with them. */
import { UserError } from '../base/errors.js';
import type { HostTensor } from '../weights/tensors.js';

/**
 * The square root of a negative variance is no number, and a ReLU behind it turns that into 0: the net would answer, and wrongly.
 * @throws UserError that names the layer and the channel
 */
export function checkVariances(params: ReadonlyMap<string, HostTensor>, source: string): void {
  for (const [name, tensor] of params) {
    if (!name.endsWith('running_var')) continue;
    const values = tensor.toFloat32();
    const channel = values.findIndex((value) => value < 0);
    if (channel >= 0)
      throw new UserError(
        `${source}: expected variances of at least 0, got ${values[channel]} at channel ${channel} of ${name}; the file is damaged, or training diverged`,
      );
  }
}
