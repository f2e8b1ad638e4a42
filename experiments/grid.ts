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

/** Is there one setting, and are its values names (regions, explanations), which have no order? */
export function byName(over: readonly Swept[]): boolean {
  return over.length === 1 && over[0]!.values.some((value) => typeof value !== 'number');
}
