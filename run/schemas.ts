/** What the files of a run must hold to be read. */
import * as v from 'valibot';
import type { ImageResult, RunDocument } from '../report/run-files.js';

const finite = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const predictionSchema = v.looseObject({
  class: count,
  confidence: finite,
  top: v.optional(v.array(v.tuple([count, finite]))),
});
const curve = v.array(v.nullable(finite));

/** What a line must hold; a later version may have added to it. */
export const imageResultSchema: v.GenericSchema<unknown, ImageResult> = v.looseObject({
  index: count,
  source: v.string(),
  // It becomes a part of paths.
  name: v.optional(v.pipe(v.string(), v.regex(/^[^/\\\0]{1,200}$/))),
  label: count,
  clean: predictionSchema,
  adversarial: predictionSchema,
  correct: v.boolean(),
  success: v.boolean(),
  l0: finite,
  l1: finite,
  l2: finite,
  linf: finite,
  ssim: finite,
  iterations: count,
  forwards: count,
  backwards: count,
  found: count,
  float: v.nullable(v.object({ l0: finite, l1: finite, l2: finite, linf: finite })),
  regionPixels: count,
  sha256: v.string(),
  cfr: v.picklist(['ok', 'empty']),
  cfrPixels: count,
  trace: v.optional(v.object({ every: count, loss: curve, l2: curve })),
  photo: v.optional(
    v.looseObject({
      width: count,
      height: count,
      l2: v.nullable(finite),
      linf: v.nullable(finite),
      differing: v.optional(count),
      why: v.optional(v.string()),
    }),
  ),
});

export const runDocumentSchema = v.looseObject({
  format: v.literal(1),
  fingerprint: v.record(v.string(), v.unknown()),
}) as v.GenericSchema<unknown, RunDocument>;
