/** Combinations of values of settings. */

/** A setting and the values that it takes. */
export interface Swept {
  readonly setting: string;
  readonly values: readonly unknown[];
}

/** All combinations, the last setting running fastest. */
export function gridOf(over: readonly Swept[]): Record<string, unknown>[] {
  return over.reduce<Record<string, unknown>[]>(
    (points, { setting, values }) =>
      points.flatMap((point) => values.map((value) => ({ ...point, [setting]: value }))),
    [{}],
  );
}
