/** Numbers and classes as readers see them. */
import { decimals } from '../../base/decimals.js';
import type { Figure } from '../page-data.js';

/** In the order in which readers ask for them. */
export const NORMS_SHOWN = ['l2', 'linf', 'l1', 'l0'] as const;

export function percentText(share: number, digits = 1): string {
  return `${decimals(100 * share, digits)} %`;
}

/** The name of a class; one that has none goes by its number. */
export function className(index: number, classes: readonly string[]): string {
  return classes[index] ?? `class ${index}`;
}

export function figureText({ unit, digits = 0 }: Figure, value: number | null): string {
  if (value === null) return '–';
  if (unit === 'rate') return percentText(value);
  return unit === 'count' ? value.toLocaleString('en') : fixed(value, digits);
}

/** With thousands apart where there are any. */
export function fixed(value: number, digits: number): string {
  return value >= 10_000
    ? value.toLocaleString('en', { maximumFractionDigits: digits })
    : decimals(value, digits);
}

/** Few digits, for axes and tips. */
export function short(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) >= 10_000
    ? value.toLocaleString('en', { maximumFractionDigits: 0 })
    : String(Number(value.toPrecision(3)));
}
