/** The words of a contact sheet: what stands under the pictures of an attacked image. */
import type { Colour } from './pictures.js';
import type { SheetRow } from './sheet.js';

/** A caption of two lines under a tile. */
export interface Caption {
  readonly first: string;
  readonly second: string;
  /** Set flush right in the second line, where there is room for it. */
  readonly aside?: string;
  /** The aside may be shortened (a name, not a number). */
  readonly shorten?: boolean;
  readonly colour: Colour;
}

/** Colours of captions: plain, of no weight, and of what matters. */
export interface CaptionColours {
  readonly ink: Colour;
  readonly muted: Colour;
  readonly accent: Colour;
}

/** One caption a column. */
export function captions(row: SheetRow, amplification: number, colours: CaptionColours): Caption[] {
  const { clean, attacked, truth } = row;
  const changed = row.adversarial.data.some((value, i) => value !== row.original.data[i]);
  const attackedText = truth
    ? 'wrong when clean'
    : row.success
      ? `→ ${attacked.label}`
      : `${attacked.label}, not fooled`;
  return [
    {
      first: truth ? `${clean.label}, is ${truth}` : clean.label,
      second: percent(clean.confidence),
      ...(row.name === undefined ? {} : { aside: row.name, shorten: true }),
      colour: colours.ink,
    },
    row.cfr === 'ok'
      ? {
          first: `CFR ${percent(row.cfrPixels / (row.original.width * row.original.height))}`,
          second: `${row.cfrPixels} pixels`,
          colour: colours.ink,
        }
      : { first: 'CFR empty', second: 'no evidence', colour: colours.accent },
    row.cfr === 'ok'
      ? { ...maskRange(row.mask), colour: colours.ink }
      : { first: 'everywhere', second: 'fallback: all ones', colour: colours.ink },
    {
      first: changed ? `×${amplification}` : 'no change',
      second: `l2 ${row.l2.toFixed(3)}`,
      aside: `linf ${row.linf.toFixed(3)}`,
      colour: colours.ink,
    },
    {
      first: attackedText,
      second: percent(attacked.confidence),
      aside: `SSIM ${row.ssim.toFixed(4)}`,
      colour: row.success && !truth ? colours.accent : colours.muted,
    },
  ];
}

/** Least, largest and mean value of a mask where it is positive, as shares of the largest: what its picture shows. */
function maskRange(mask: ArrayLike<number>): { first: string; second: string } {
  let least = Number.POSITIVE_INFINITY;
  let largest = 0;
  let sum = 0;
  let count = 0;
  for (let p = 0; p < mask.length; p++) {
    const value = mask[p]!;
    if (!(value > 0)) continue;
    least = Math.min(least, value);
    largest = Math.max(largest, value);
    sum += value;
    count++;
  }
  if (count === 0) return { first: 'zero', second: 'nothing may change' };
  return {
    first: `${(least / largest).toFixed(2)} – 1.00`,
    second: `mean ${(sum / count / largest).toFixed(2)} of the max`,
  };
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
