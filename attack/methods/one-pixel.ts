/** The one-pixel attack of Su et al. (2019): differential evolution over places and colours of a few pixels; sees logits only. */
import type { Variable } from '../../engine/graph.js';
import onePixelBreed from '../../shaders/attack_one_pixel_breed.wgsl';
import onePixelPaint from '../../shaders/attack_one_pixel_paint.wgsl';
import onePixelScore from '../../shaders/attack_one_pixel_score.wgsl';
import onePixelSelect from '../../shaders/attack_one_pixel_select.wgsl';
import { shaderSource } from '../../shaders/source.js';
import { classWorkgroup, pieces, WORKGROUP } from '../kernels.js';
import { defineMethod } from '../method.js';
import { iterations } from '../settings/common.js';
import { integer, real } from '../settings/rows.js';

const breedShader = shaderSource('attack_one_pixel_breed', onePixelBreed, pieces.random);
const paintShader = shaderSource('attack_one_pixel_paint', onePixelPaint, pieces.pixel);
const scoreShader = shaderSource('attack_one_pixel_score', onePixelScore, pieces.total);
const selectShader = shaderSource('attack_one_pixel_select', onePixelSelect, pieces.least);

/** Values of a pixel: column and row, and the colour. */
const GENES = 5;
/** Candidates of an image that one pass takes at most. */
const ROWS = 50;
/**
 * Pixels of the net's input that one pass of the net takes at most: the widest layers have 64 channels at full size, 128 MiB of f32 for
 * so many, which is what a WebGPU device binds at least.
 */
const PIXELS_A_PASS = 2 ** 19;

/**
 * As in the paper: no crossover, a child replaces its parent where it is better. The first generation lies in the region. Instead of
 * stopping at a confidence (the paper has 90 % for the target, 5 % for the true class) an image stops once it fools.
 */
export const onePixel = defineMethod({
  name: 'one-pixel',
  title: 'a few pixels by differential evolution',
  source: 'Su et al. 2019, One Pixel Attack for Fooling Deep Neural Networks',
  goals: ['untargeted', 'targeted'],
  norms: ['l0'],
  kind: 'budget',
  blackBox: true,
  settings: {
    iterations: iterations(100, 'rounds of evolution'),
    pixels: integer({ min: 1, max: 100, default: 5, help: 'pixels that may change' }),
    population: integer({ min: 4, max: 10_000, default: 400, help: 'candidates of a round' }),
    factor: real({ min: 0, max: 2, default: 0.5, help: "F, weight of two candidates' difference" }),
  },
  slots: ['ROUND', 'SLICE', 'FITTEST'],
  trace(frame, settings) {
    const { batch, key, mask, state, iterate, x } = frame;
    const { pixels: count, population } = settings;
    const genome = [batch, population, count, GENES];
    const parents = frame.variable('parents', genome);
    const children = frame.variable('children', genome);
    const fitness = frame.variable('fitness', [batch, 2, population]);
    const rows = sliceOf(population, Math.min(ROWS, Math.floor(PIXELS_A_PASS / (batch * frame.pixels))));
    const constants = { COUNT: count, POPULATION: population };
    const paint = (candidates: Variable, own: { FITTEST: boolean; ROWS: number }) =>
      frame.kernel(paintShader, {
        constants: { ...constants, ...own },
        reads: [x, mask, candidates, state],
        outputs: [[batch * own.ROWS, ...frame.shape.slice(1)]],
        workgroups: [own.ROWS, batch, 1],
      })[0]!;
    frame.begin();
    frame.procedure('breed', () => {
      frame.kernel(breedShader, {
        constants,
        reads: [key, mask, frame.area, frame.settings, parents],
        writes: [state, children],
        workgroups: [Math.ceil(population / WORKGROUP), batch, 1],
      });
    });
    frame.procedure('score', () => {
      const painted = paint(children, { FITTEST: false, ROWS: rows });
      frame.kernel(scoreShader, {
        constants: { POPULATION: population, ROWS: rows, WG: classWorkgroup(frame.classes) },
        reads: [frame.net(painted), frame.goal],
        writes: [state, fitness],
      });
    });
    frame.procedure('select', () => {
      frame.kernel(selectShader, {
        constants,
        reads: [children],
        writes: [state, parents, fitness],
      });
      frame.graph.assign(iterate, paint(parents, { FITTEST: true, ROWS: 1 }));
      const seen = frame.show('round');
      frame.judge(frame.net(seen), { loss: 'ce', rank: 'loss', backwards: 0, stops: true });
      frame.keep(seen);
    });
    const round = [
      ['breed', 1],
      ['score', population / rows],
      ['select', 1],
    ] as const;
    return {
      steps: [['begin', 1], ...Array.from({ length: settings.iterations }, () => round).flat()],
      tail: [],
      stops: true,
    };
  },
});

/** The greatest divisor of the population that is at most `most`. */
function sliceOf(population: number, most: number): number {
  for (let rows = Math.min(population, most); rows > 1; rows--) if (population % rows === 0) return rows;
  return 1;
}
