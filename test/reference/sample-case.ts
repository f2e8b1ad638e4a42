/** One problem of an op on which references and device are compared. */
import type { OpAttributes } from '../../engine/ops/attributes.js';
import type { ReferenceName } from './nd.js';

export interface SampleCase<K extends ReferenceName> {
  readonly label: string;
  readonly attributes: OpAttributes[K];
  readonly shapes: readonly (readonly number[])[];
  /**
   * `normal` (the default): standard normal. `ties`: whole numbers -1, 0, 1, for equal maxima and exact zeros; such
   * cases lie on kinks and have no finite differences. `large`: normal with deviation 50.
   */
  readonly values?: 'normal' | 'ties' | 'large';
}
