/** Patches: any change of a small part of the image. */
import { gradients } from '../../engine/autodiff.js';
import type { Variable } from '../../engine/graph.js';
import { F32 } from '../../engine/template.js';
import lavanText from '../../shaders/attack_lavan.wgsl';
import placeText from '../../shaders/attack_patch_place.wgsl';
import stickerText from '../../shaders/attack_sticker.wgsl';
import goalsText from '../../shaders/attack_sticker_goals.wgsl';
import seeText from '../../shaders/attack_sticker_see.wgsl';
import viewText from '../../shaders/attack_sticker_view.wgsl';
import { shaderSource } from '../../shaders/source.js';
import type { Frame } from '../frame.js';
import { pieces } from '../kernels.js';
import { defineMethod } from '../method.js';
import { iterations } from '../settings/common.js';
import { choice, integer, real } from '../settings/rows.js';

const placeShader = shaderSource('attack_patch_place', placeText, pieces.total);
const lavanShader = shaderSource('attack_lavan', lavanText, pieces.total);
const goalsShader = shaderSource('attack_sticker_goals', goalsText);
const seeShader = shaderSource('attack_sticker_see', seeText, viewText, pieces.random);
const stickerShader = shaderSource('attack_sticker', stickerText, viewText, pieces.random, pieces.total);

const CORNERS = ['top-left', 'top-right', 'bottom-left', 'bottom-right'] as const;

const areaOf = (value: number) =>
  real({
    above: 0,
    max: 1,
    default: value,
    structural: true,
    help: "share of the box around the region's pixels that the patch covers",
  });

/** The patch [n, h, w]: the region where the patch lies, else 0. Traced in `begin`. */
function place(
  frame: Frame,
  support: Variable,
  { area, corner = 0, stickers = 0 }: { area: number; corner?: number; stickers?: number },
): void {
  frame.kernel(placeShader, {
    constants: { SHARE: new F32(area), LAVAN: stickers === 0, CORNER: corner, STICKERS: stickers },
    reads: [frame.mask],
    writes: [support],
  });
}

/**
 * Visible noise in a corner: gradient steps on the margin until the image fools. The paper gives no scale for its steps; here the largest change
 * of a step is `stepSize`. Starts from the image's own pixels.
 */
export const lavan = defineMethod({
  name: 'lavan',
  title: 'visible noise in a corner',
  source: 'Karmon et al. 2018, LaVAN: Localized and Visible Adversarial Noise',
  goals: ['untargeted', 'targeted'],
  norms: ['l0'],
  kind: 'patch',
  settings: {
    iterations: iterations(1000),
    area: areaOf(0.02),
    corner: choice(CORNERS, { default: 'bottom-right', help: 'where the patch lies' }),
    stepSize: real({ min: 0, max: 1, default: 0.1, unit: '[0,1]', help: 'largest change of a step' }),
  },
  idle: ({ stepSize }) => stepSize === 0,
  trace(frame, { iterations: steps, area, corner }) {
    const support = frame.variable('support', [frame.batch, frame.pixels]);
    frame.begin(() => place(frame, support, { area, corner: CORNERS.indexOf(corner) }));
    frame.procedure('step', () => {
      const { gradient } = frame.look('round', { loss: 'margin', rank: 'loss', stops: true });
      frame.kernel(lavanShader, {
        reads: [gradient, support, frame.settings, frame.state],
        writes: [frame.iterate],
      });
    });
    frame.attempt('judge', 'round', { rank: 'loss', loss: 'margin' });
    return {
      steps: [
        ['begin', 1],
        ['step', steps],
      ],
      tail: [['judge', 1]],
      stops: true,
    };
  },
});

/**
 * Robust physical perturbations: stickers that fool under changes of light and place, by the expectation over such transformations. The
 * stickers are bars in the region; the term for colours that a printer has is left out. Its last iterate is the result.
 */
export const sticker = defineMethod({
  name: 'sticker',
  title: 'rectangles that fool under changes of light and place (RP2)',
  source: 'Evtimov et al. 2018, Robust Physical-World Attacks on Deep Learning Visual Classification',
  goals: ['untargeted', 'targeted'],
  norms: ['l0'],
  kind: 'patch',
  settings: {
    iterations: iterations(300),
    area: areaOf(0.1),
    stickers: integer({ min: 1, max: 16, default: 2, help: 'rectangles' }),
    samples: integer({ min: 1, max: 64, default: 4, help: 'transformations of a step' }),
    shift: integer({
      min: 0,
      max: 1000,
      default: ({ inputSize }) => Math.round(inputSize / 16),
      defaultText: 'a sixteenth of the image',
      help: 'the image moves by up to so many pixels each way',
    }),
    brightness: real({ min: 0, max: 0.9, default: 0.2, help: 'the light changes by up to this share' }),
    weight: real({ min: 0, max: 1e6, default: 0.01, help: 'weight of the l2 norm against the loss' }),
    learningRate: real({ min: 0, max: 10, default: 0.1, unit: '[0,1]', help: "Adam's step" }),
  },
  slots: ['DECAY1', 'DECAY2'],
  idle: ({ learningRate }) => learningRate === 0,
  trace(frame, { iterations: steps, area, stickers, samples, shift }) {
    const { batch, key, state, iterate, x } = frame;
    const support = frame.variable('support', [batch, frame.pixels]);
    const moments = frame.variable('moments', [batch, 2, frame.elements]);
    const goals = frame.variable('goals', [batch * samples], 'u32');
    const constants = { SAMPLES: samples, REACH: shift };
    frame.begin(() => {
      frame.zero(moments);
      place(frame, support, { area, stickers });
      frame.kernel(goalsShader, { constants: { SAMPLES: samples }, reads: [frame.goal], writes: [goals] });
    });
    frame.procedure('step', () => {
      const [rows] = frame.kernel(seeShader, {
        constants,
        reads: [iterate, key, frame.settings, state],
        outputs: [[batch * samples, ...frame.shape.slice(1)]],
        workgroups: [samples, batch, 1],
      });
      const loss = frame.graph.crossEntropy(frame.net(rows!), goals);
      frame.kernel(stickerShader, {
        constants,
        reads: [x, support, gradients(loss, [rows!])[0]!, key, frame.settings],
        writes: [state, moments, iterate],
      });
    });
    frame.attempt('judge', 'round', { rank: 'latest' });
    return {
      steps: [
        ['begin', 1],
        ['step', steps],
      ],
      tail: [['judge', 1]],
    };
  },
});
