/** The adversarial patch of Brown et al. (2017): one patch for many images, wherever it lies. */
import type { Variable } from '../../engine/graph.js';
import universalText from '../../shaders/attack_universal.wgsl';
import paintText from '../../shaders/attack_universal_paint.wgsl';
import startText from '../../shaders/attack_universal_start.wgsl';
import viewText from '../../shaders/attack_universal_view.wgsl';
import { shaderSource } from '../../shaders/source.js';
import type { Frame } from '../frame.js';
import { pieces, WORKGROUP } from '../kernels.js';
import { defineMethod } from '../method.js';
import { iterations } from '../settings/common.js';
import { pattern, real } from '../settings/rows.js';

const startShader = shaderSource('attack_universal_start', startText);
const paintShader = shaderSource('attack_universal_paint', paintText, viewText, pieces.random);
const stepShader = shaderSource('attack_universal', universalText, viewText, pieces.random, pieces.total);

export interface PatchGraph {
  /** [n, 3, side, side], or [1, ...] where one patch is for all images. */
  readonly patches: Variable;
  /** [n]: the step, which with the seed and the image's number fixes where the patch lies. */
  readonly clock: Variable;
}

/** Height and width of a patch, in texels. */
export function patchSide(inputSize: number, area: number): number {
  return Math.max(1, Math.floor(inputSize * Math.sqrt(area) + 1e-6));
}

/**
 * Traces the procedures `begin`, `step` (the patch at a random place in each image, and one step on it) and `paint` (the patch where it is saved).
 * @param shared one patch for all images of the batch
 */
export function tracePatch(frame: Frame, area: number, shared: boolean): PatchGraph {
  const { batch, key, mask, x, iterate } = frame;
  const side = patchSide(frame.shape[2], area);
  const count = shared ? 1 : batch;
  const constants = { SIDE: side, IMAGES: batch / count };
  const patches = frame.variable('patches', [count, 3, side, side]);
  const slopes = frame.variable('slopes', [count, 3, side, side]);
  const clock = frame.variable('clock', [batch]);
  const paint = (final: boolean) =>
    frame.kernel(paintShader, {
      constants: { SIDE: side, SHARED: shared, FINAL: final },
      reads: [x, mask, patches, clock, key, frame.settings],
      writes: [iterate],
      workgroups: [Math.ceil(frame.pixels / WORKGROUP), batch, 1],
    });
  frame.begin();
  frame.procedure('start', () => {
    frame.kernel(startShader, { constants, reads: [], writes: [patches, clock], workgroups: [count, 1, 1] });
  });
  frame.procedure('step', () => {
    paint(false);
    const { gradient } = frame.look('exact', { loss: 'ce', rank: 'none' });
    frame.kernel(stepShader, {
      constants,
      reads: [gradient, mask, key, frame.settings],
      writes: [patches, slopes, clock],
      workgroups: [count, 1, 1],
    });
  });
  frame.procedure('paint', () => paint(true));
  return { patches, clock };
}

/**
 * `own` fits a patch to each image alone, so that a result does not depend on what shares its batch; any other `patch` names one that was fitted to a set
 * (`fitPatch`), which the caller hands over. Either way it is saved at one random place. The largest change of a step is `stepSize`.
 */
export const advPatch = defineMethod({
  name: 'adv-patch',
  title: 'a patch that fools wherever it lies',
  source: 'Brown et al. 2017, Adversarial Patch',
  goals: ['untargeted', 'targeted'],
  norms: ['l0'],
  kind: 'patch',
  settings: {
    patch: pattern<string>({
      default: 'own',
      expected: 'own or a file',
      check: (value) => typeof value === 'string' && value !== '',
      help: 'own: fitted to each image alone; else the file of one that `cfr fit` fitted to a set',
    }),
    iterations: iterations(500),
    area: real({
      above: 0,
      max: 1,
      default: 0.15,
      structural: true,
      help: 'share of the image that the patch covers at most',
    }),
    rotation: real({
      min: 0,
      max: 45,
      default: 22.5,
      unit: 'degrees',
      help: 'it turns by up to about so much',
    }),
    scaling: real({ min: 0, max: 0.5, default: 0.2, help: 'it shrinks by up to this share' }),
    stepSize: real({ above: 0, max: 1, default: 0.05, unit: '[0,1]', help: 'largest change of a step' }),
  },
  trace(frame, { iterations: steps, area, patch }) {
    const given = patch !== 'own';
    const { patches } = tracePatch(frame, area, given);
    frame.attempt('judge', 'round', { rank: 'latest' });
    return {
      steps: given
        ? [['begin', 1]]
        : [
            ['begin', 1],
            ['start', 1],
            ['step', steps],
          ],
      tail: [
        ['paint', 1],
        ['judge', 1],
      ],
      ...(given ? { given: patches } : {}),
    };
  },
});
