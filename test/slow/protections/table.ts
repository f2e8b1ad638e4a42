/** A protection, what takes it out, and the test that must fail then. */
export interface Protection {
  /** What is promised, by topic. */
  readonly promise: string;
  readonly file: string;
  /** Text that is there once. */
  readonly from: string;
  /** What stands in its place without the protection. */
  readonly to: string;
  /** `test/NAME.test.ts`. */
  readonly test: string;
  /** Only tests whose names have this: the others take time. */
  readonly only?: string;
}
