/** DeepFool and SuperDeepFool: steps to the nearest linearised class boundary; an image is left alone once it fools. */
import attackDeepfool from '../../shaders/attack_deepfool.wgsl';
import attackLine from '../../shaders/attack_line.wgsl';
import { shaderSource } from '../../shaders/source.js';
import type { Frame } from '../frame.js';
import { pieces } from '../kernels.js';
import { defineMethod, type Traced } from '../method.js';
import { iterations, rounding } from '../settings/common.js';
import { integer, real } from '../settings/rows.js';
import { BOUNDARY_SLOTS, boundaries, candidates, nearest, upTo } from './boundary.js';
import { closing } from './minimal.js';

const stepShader = shaderSource('attack_deepfool', attackDeepfool, pieces.total);
const lineShader = shaderSource('attack_line', attackLine);

const overshoot = real({ min: 0, max: 10, default: 0.02, help: 'share of a step past the boundary' });

export const deepfool = defineMethod({
  name: 'deepfool',
  title: 'nearest linearised boundary',
  source: 'Moosavi-Dezfooli et al. 2016, DeepFool; each step clipped to the box, as in adversarial-library',
  goals: ['untargeted'],
  norms: ['l2'],
  kind: 'minimal',
  settings: {
    iterations: iterations(50, 'steps at most'),
    overshoot,
    candidates,
    rounding: rounding('loop'),
  },
  slots: [...BOUNDARY_SLOTS],
  trace: (frame, settings) => {
    const end = closing(frame, settings.rounding);
    const normal = frame.variable('normal', frame.shape);
    const rows = boundaries(frame, settings.candidates);
    frame.begin();
    frame.procedure('step', () => {
      const seen = frame.show(end.showing);
      const logits = frame.net(seen);
      frame.judge(logits, { loss: 'margin', rank: 'norm', backwards: rows });
      frame.keep(seen);
      nearest(frame, logits, seen, normal, { ranks: upTo(rows) });
      frame.kernel(stepShader, {
        label: 'deepfool',
        constants: { PROJECT: false },
        reads: [frame.mask, normal, frame.settings],
        writes: [frame.state, frame.iterate],
      });
    });
    end.trace();
    return {
      steps: [
        ['begin', 1],
        ['step', settings.iterations],
      ],
      tail: [['judge', 1]],
      stops: true,
    };
  },
});

export const sdf = defineMethod({
  name: 'sdf',
  title: 'DeepFool, projected onto the normal of the boundary it finds',
  source:
    'Abdolahpourrostam et al. 2024, SuperDeepFool; inner and outer steps share the iterations, and each is clipped to the box as in adversarial-library',
  goals: ['untargeted'],
  norms: ['l2'],
  kind: 'minimal',
  settings: {
    iterations: iterations(50, 'looks at the net at most, DeepFool steps and projections together'),
    innerSteps: integer({
      min: 1,
      max: 10_000,
      default: 50,
      help: 'DeepFool steps before a projection at most',
    }),
    overshoot,
    candidates,
    search: integer({ min: 0, max: 30, default: 10, help: 'halvings of the line back to the clean image' }),
    rounding: rounding('loop'),
  },
  slots: [...BOUNDARY_SLOTS, 'INNER', 'LOW', 'HIGH'],
  trace: (frame, settings) => {
    const { x, mask, state, iterate } = frame;
    const end = closing(frame, settings.rounding);
    const normal = frame.variable('normal', frame.shape);
    const base = frame.variable('base', frame.shape);
    const rows = boundaries(frame, settings.candidates);
    frame.begin(() => frame.graph.assign(base, x));
    frame.procedure('step', () => {
      // The class that a fooled net says may be none of the candidates: the margin's gradient is a row of its own.
      const { seen, logits, gradient } = frame.look(end.showing, {
        loss: 'margin',
        rank: 'norm',
        backwards: rows + 1,
      });
      nearest(frame, logits, seen, normal, { ranks: upTo(rows) });
      frame.kernel(stepShader, {
        label: 'sdf',
        constants: { PROJECT: true, INNER_STEPS: settings.innerSteps },
        reads: [mask, normal, frame.settings, x, gradient],
        writes: [state, iterate, base],
      });
    });
    const search = traceSearch(frame, settings.search, end.showing);
    end.trace();
    return {
      steps: [
        ['begin', 1],
        ['step', settings.iterations],
      ],
      tail: [...search, ['judge', 1]],
      stops: true,
    };
  },
});

/** Halvings of the line from the best to the clean image. */
function traceSearch(frame: Frame, halvings: number, showing: 'exact' | 'round'): Traced['tail'] {
  if (halvings === 0) return [];
  const { x, best, state, iterate } = frame;
  const far = frame.variable('far', frame.shape);
  frame.procedure('search from', () => {
    frame.kernel(lineShader, {
      label: 'line from',
      constants: { START: true },
      reads: [x, best],
      writes: [far, state, iterate],
    });
  });
  frame.procedure('search', () => {
    const seen = frame.show(showing);
    frame.judge(frame.net(seen), { loss: 'margin', rank: 'norm', backwards: 0, advance: false });
    frame.keep(seen);
    frame.kernel(lineShader, {
      label: 'line',
      constants: { START: false },
      reads: [x, far],
      writes: [state, iterate],
    });
  });
  return [
    ['search from', 1],
    ['search', halvings],
  ];
}
