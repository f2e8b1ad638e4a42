/** Numbers as text. */

/** `toFixed` without the sign of a number that is rounded to 0: -0.0004 with 2 digits is 0.00. */
export function decimals(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return /^-[0.]+$/.test(text) ? text.slice(1) : text;
}
