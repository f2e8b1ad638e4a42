/** What makes the results of a run doubtful, as far as the run alone can tell. */
import { methodNamed } from '../attack/methods/index.js';
import type { ImageResult, Json } from '../report/run-files.js';

/** A CFR of more than this share of the image says little of where the evidence lies. */
const WIDE = 0.95;

/** One line each; none where there is nothing to doubt. */
export function warningsOf(
  { method: name, settings, net }: { readonly method: string; readonly settings: Json; readonly net: Json },
  results: readonly ImageResult[],
): string[] {
  const method = methodNamed(name);
  const own = settings as unknown as Parameters<typeof method.kind>[0];
  const right = results.filter(({ correct }) => correct);
  const [height, width] = (net as { inputSize: [number, number] }).inputSize;
  const open = right.filter(({ regionPixels }) => regionPixels > 0);
  const told: readonly (readonly [ImageResult[], readonly ImageResult[], (share: string) => string])[] = [
    [
      right.filter(({ float, success }) => float !== null && !success),
      right,
      (share) =>
        `${share} were fooled before rounding and are no more as saved, at 8 bits: norms before rounding (float) would flatter the method` +
        ('rounding' in own ? '; --rounding loop lets the net see 8-bit images' : ''),
    ],
    [
      right.filter(({ regionPixels }) => regionPixels === 0),
      right,
      (share) => `${share} have an empty region (${own.region}): nothing could be changed there`,
    ],
    [
      method.kind(own) === 'budget' && !method.blackBox && !method.idle(own)
        ? open.filter(({ l0, success }) => l0 === 0 && !success)
        : [],
      open,
      (share) =>
        `${share} came back unchanged: their gradients are zero or lost in f32, which is no robustness; compare with square, or with the loss dlr of apgd`,
    ],
    [
      results.filter(({ cfr, cfrPixels }) => cfr === 'ok' && cfrPixels > WIDE * height * width),
      results,
      (share) =>
        `${share} have a CFR of more than ${100 * WIDE} % of the image: the map restricts nothing there; raise --tau`,
    ],
  ];
  return told
    .filter(([affected]) => affected.length > 0)
    .map(([affected, of, text]) => text(`${affected.length} of ${of.length} images`));
}
