/** What protects results on the device; these tests need an adapter. */
import type { Protection } from './table.js';

export const DEVICE: readonly Protection[] = [
  {
    promise: 'memory: an engine forgets a destroyed program',
    file: 'engine/engine.ts',
    from: 'forget: (program) => void this.#programs.delete(program),',
    to: 'forget: () => {},',
    test: 'engine',
    only: 'memory',
  },
  {
    promise: 'memory: a closed engine is not held by its device',
    file: 'engine/engine.ts',
    from: "return () => device.removeEventListener('uncapturederror', onError);",
    to: 'return () => {};',
    test: 'engine',
    only: 'memory',
  },
  {
    promise: 'device: steps of a submission are a whole number',
    file: 'attack/driver.ts',
    from: 'checkSubmission(options.stepsPerSubmission);',
    to: '',
    test: 'attack',
    only: 'refuses what it cannot attack',
  },
  {
    promise: 'device: the caller may change the images during a run',
    file: 'attack/driver.ts',
    from: 'const x = given.slice();',
    to: 'const x = given;',
    test: 'attack',
    only: 'run',
  },
  {
    promise: 'numbers: a layer that gives none is named',
    file: 'attack/diagnosis.ts',
    from: 'const wrong = values.filter((value) => !Number.isFinite(value));',
    to: 'const wrong: number[] = [];',
    test: 'diagnosis',
    only: 'layers',
  },
  {
    promise: 'numbers: a negative variance is refused',
    file: 'nets/soundness.ts',
    from: 'if (channel >= 0)',
    to: 'if (false)',
    test: 'diagnosis',
    only: 'weights',
  },
];
