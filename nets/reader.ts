/** What recognition asks of a family of nets. */
import type { Entries } from './names.js';
import type { NamedArchitecture, SpecOptions } from './spec.js';

export interface Reader {
  /** The architectures whose structure the tensors have: one; several where the file leaves several readings; or none. */
  match(entries: Entries): NamedArchitecture[];
  /** What the tensors show of the structure, for messages. */
  describe(entries: Entries): string;
  /** The tensors under the names of `parameterNames`, as far as they can be told. */
  canonical(entries: Entries, arch: NamedArchitecture): Entries;
  /** What the shapes of canonical tensors say; what a missing tensor would say is left as published. */
  sizes(entries: Entries, arch: NamedArchitecture, source: string): SpecOptions;
}
