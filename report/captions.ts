/** The words of a contact sheet: what stands under the pictures of an attacked image. */
import { decimals } from '../base/decimals.js';
import type { SheetRow } from './sheet-row.js';

/** One line under a tile. */
export interface CaptionLine {
  readonly text: string;
  /** Set flush right, in the muted colour; never shortened, the text gives way. */
  readonly aside?: string;
}

export interface Caption {
  readonly first: CaptionLine;
  readonly second: CaptionLine;
  /** What the first line is to the reader: plain, of no weight, or what matters. */
  readonly tone: 'ink' | 'muted' | 'accent';
}

/** One caption a column. */
export function captions(row: SheetRow, amplification: number): Caption[] {
  const { clean, truth } = row;
  const changed = row.adversarial.data.some((value, i) => value !== row.original.data[i]);
  return [
    {
      first: { text: truth === undefined ? clean.label : `${clean.label}, is ${truth}` },
      second:
        row.name === undefined ? { text: percent(clean.confidence) } : named(clean.confidence, row.name),
      tone: 'ink',
    },
    row.cfr === 'ok'
      ? {
          first: { text: `CFR ${percent(row.cfrPixels / (row.original.width * row.original.height))}` },
          second: { text: `${row.cfrPixels} pixels` },
          tone: 'ink',
        }
      : { first: { text: 'CFR empty' }, second: { text: 'no evidence' }, tone: 'accent' },
    row.cfr === 'ok'
      ? maskRange(row.mask)
      : { first: { text: 'everywhere' }, second: { text: 'fallback: all ones' }, tone: 'ink' },
    {
      first: { text: changed ? `×${amplification}` : 'no change', aside: `SSIM ${row.ssim.toFixed(4)}` },
      second: { text: `l2 ${row.l2.toFixed(3)}`, aside: `linf ${row.linf.toFixed(3)}` },
      tone: 'ink',
    },
    attacked(row),
  ];
}

/** The adversarial image's class, and what became of the attack. */
function attacked({ attacked: { label, confidence }, truth, success, labelled = true }: SheetRow): Caption {
  const line = (outcome: string) => ({ text: percent(confidence), aside: outcome });
  // A net that was wrong before the attack can neither be fooled by it nor hold against it.
  if (truth !== undefined) return { first: { text: label }, second: line('wrong when clean'), tone: 'muted' };
  if (!success) {
    return {
      first: { text: label },
      second: line(labelled ? 'not fooled' : 'prediction kept'),
      tone: 'muted',
    };
  }
  return {
    first: { text: `→ ${label}` },
    second: line(labelled ? 'fooled' : 'prediction changed'),
    tone: 'accent',
  };
}

/** A name may be long, and tells an image by its end: the confidence stays whole, the name is shortened. */
function named(confidence: number, name: string): CaptionLine {
  return { text: `${percent(confidence)} · ${name}` };
}

/** Least, largest and mean value of a mask where it is positive, as shares of the largest: what its picture shows. */
function maskRange(mask: ArrayLike<number>): Caption {
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
  if (count === 0) return { first: { text: 'zero' }, second: { text: 'nothing may change' }, tone: 'ink' };
  return {
    first: { text: `${(least / largest).toFixed(2)} – 1.00` },
    second: { text: `mean ${(sum / count / largest).toFixed(2)} of the max` },
    tone: 'ink',
  };
}

function percent(fraction: number): string {
  return `${decimals(100 * fraction, 1)} %`;
}
