/**
 * The attack of this program: a perturbation in the contributing feature region, steered by its soft mask. Qian et al., Towards Imperceptible
 * Adversarial Image Patches Based on Network Explanations; three modes of one update.
 */

import { F32 } from '../../engine/template.js';
import attackBudget from '../../shaders/attack_budget.wgsl';
import attackMinimal from '../../shaders/attack_minimal.wgsl';
import attackPaper from '../../shaders/attack_paper.wgsl';
import attackSchedule from '../../shaders/attack_schedule.wgsl';
import attackStart from '../../shaders/attack_start.wgsl';
import { shaderSource } from '../../shaders/source.js';
import type { Frame } from '../frame.js';
import { pieces } from '../kernels.js';
import { type DeltaOf, defineMethod, type Traced } from '../method.js';
import { fillNormal, fillSigns, fillUniform } from '../random.js';
import { cosineTable } from '../schedule.js';
import { epsilon, iterations } from '../settings/common.js';
import { choice, pattern, real, type Settings } from '../settings/rows.js';

const MODES = ['minimal', 'paper', 'budget'] as const;
/** What fills a start: N(0, 1), uniform in (-1, 1), -1 or 1. */
const DELTA_INITS = {
  normal: fillNormal,
  uniform: fillUniform,
  signs: fillSigns,
  zeros: (start: Float32Array) => start.fill(0),
} as const;
const LARGEST_START = 1e6;
/**
 * Where X + delta*M is held in [0, 1]. `forward`: in the forward pass, so that no gradient flows where it is clipped;
 * `project`: after every update, and delta is read back from it; `final`: once, after the last update; `none`: only
 * in the 8-bit image (the result's delta stays as Algorithm 1 left it).
 */
const CLIPS = ['forward', 'project', 'final', 'none'] as const;

const minimalShader = shaderSource('attack_minimal', attackMinimal, pieces.total);
const paperShader = shaderSource('attack_paper', attackPaper, pieces.total);
const startShader = shaderSource('attack_start', attackStart, pieces.total);
const budgetShader = shaderSource('attack_budget', attackBudget, pieces.total);
const scheduleShader = shaderSource('attack_schedule', attackSchedule);

/** How delta starts: `signs`, `signs:0.034` (times that), 0.5 (`normal:0.5`); undefined for anything else. */
function startOf(
  value: unknown,
): { readonly fill: (typeof DELTA_INITS)['normal']; readonly scale: number } | undefined {
  const [name, scale = '1', ...more] =
    typeof value === 'number' ? ['normal', String(value)] : String(value).split(':');
  const fill = Object.entries(DELTA_INITS).find(([known]) => known === name)?.[1];
  const factor = scale.trim() === '' ? Number.NaN : Number(scale);
  return fill && more.length === 0 && factor >= 0 && factor <= LARGEST_START
    ? { fill, scale: factor }
    : undefined;
}

const table = {
  mode: choice(MODES, {
    default: 'minimal',
    help: "minimal: least perturbation; paper: the paper's Algorithm 1 to the letter; budget: most loss within epsilon",
  }),
  iterations: iterations(30),
  radius: real({
    min: 1e-6,
    max: 1e6,
    unit: 'l2',
    only: ['mode', 'minimal'],
    default: ({ inputSize }) => (0.3 * inputSize) / 32,
    defaultText: '0.3 at 32x32',
    help: 'first radius',
  }),
  gamma: real({
    min: 0,
    max: 0.99,
    only: ['mode', 'minimal'],
    default: 0.3,
    help: 'the radius changes by this share at the first step',
  }),
  gammaEnd: real({
    min: 0,
    max: 0.99,
    only: ['mode', 'minimal'],
    // Large steps find the boundary's distance, small ones settle on it: measured against .1 throughout in docs/methods.md.
    default: (_, { gamma }) => Math.min(0.003, gamma as number),
    defaultText: '0.003',
    help: 'and by this at the last; it falls by a half cosine',
  }),
  temperature: real({
    min: 1e-6,
    max: 1e6,
    only: ['mode', 'paper'],
    default: 0.1,
    help: 'T, divides the loss',
  }),
  eta: real({
    min: 0,
    max: 1e9,
    only: ['mode', 'paper'],
    default: ({ inputSize }) => (inputSize > 64 ? 20 : 10),
    defaultText: '10; 20 at 224x224',
    help: 'step',
  }),
  beta: real({ min: 0, max: 1e9, only: ['mode', 'paper'], default: 1, help: 'weight of the norm term' }),
  deltaInit: pattern<string | number>({
    only: ['mode', 'paper'],
    default: 'normal',
    expected: `${Object.keys(DELTA_INITS).join(', ')}, one of them times a number from 0 to ${LARGEST_START} (uniform:0.1), or a deviation`,
    check: (value) => startOf(value) !== undefined,
    parse: (text) => (Number.isFinite(Number(text)) ? Number(text) : text),
    help: 'start: N(0, 1), uniform in (-1, 1), signs -1 or 1, zeros; signs:0.1 is a tenth of that, 0.5 is normal:0.5',
  }),
  clip: choice(CLIPS, {
    only: ['mode', 'paper'],
    default: 'forward',
    help: 'where pixels are held in [0, 1]',
  }),
  norm: choice(['l2', 'linf'], { only: ['mode', 'budget'], default: 'l2', help: 'which norm is held' }),
  epsilon: { ...epsilon({ l2: 2, linf: 8 / 255 }), only: ['mode', 'budget'] as const },
  stepStart: real({
    min: 0,
    max: 1e6,
    only: ['mode', 'minimal', 'budget'],
    default: 1,
    help: 'length of the first step',
  }),
  stepEnd: real({
    min: 0,
    max: 1e6,
    only: ['mode', 'minimal', 'budget'],
    default: (_, { stepStart }) => Math.min(0.01, stepStart as number),
    defaultText: '0.01',
    help: 'length of the last step',
  }),
  momentum: real({ min: 0, max: 1, only: ['mode', 'budget'], default: 0.9, help: 'decay of the momentum' }),
};
type CfrSettings = Settings<typeof table>;

export const cfr = defineMethod({
  name: 'cfr',
  title: 'soft-masked patches in the contributing feature region',
  source: 'Qian et al., Towards Imperceptible Adversarial Image Patches Based on Network Explanations',
  goals: ['untargeted', 'targeted'],
  norms: ['l2', 'linf'],
  norm: ({ mode, norm }) => (mode === 'budget' ? norm : 'l2'),
  kind: ({ mode }) => (mode === 'paper' ? 'trade-off' : mode),
  region: 'cfr',
  settings: table,
  presets: {
    'paper-figures': {
      help: "the reading of Algorithm 1 that comes nearest to the figures of the paper's table 1",
      settings: {
        mode: 'paper',
        tau: 0.1,
        maskNorm: 'binary',
        deltaInit: 'signs:0.034',
        eta: 0.01,
        beta: 0.1,
      },
    },
  },
  slots: ['RADIUS', 'P'],
  idle: ({ mode, eta, stepStart }) => (mode === 'paper' ? eta === 0 : stepStart === 0),
  trace: (frame, settings) => {
    if (settings.mode === 'minimal') return traceMinimal(frame, settings);
    return settings.mode === 'paper' ? tracePaper(frame, settings) : traceBudget(frame, settings);
  },
});

/** Decoupling of direction and norm: Rony et al. 2019, there without a mask. The net sees 8-bit images, so what fools it is what is saved. */
function traceMinimal(frame: Frame, settings: CfrSettings): Traced {
  const { x, mask, state, iterate } = frame;
  const delta = frame.variable('delta', frame.shape);
  const cosine = cosineTable(frame, settings.iterations);
  frame.begin(() => frame.zero(delta));
  frame.procedure('step', () => {
    const { gradient } = frame.look('round', { loss: 'ce-unit', rank: 'norm' });
    frame.kernel(minimalShader, {
      reads: [x, mask, gradient, frame.settings, cosine],
      writes: [state, delta, iterate],
    });
  });
  frame.attempt('judge', 'round', { rank: 'norm' });
  return {
    steps: [['step', settings.iterations]],
    tail: [['judge', 1]],
    delta: unmasked,
  };
}

/** Algorithm 1 to the letter; its last iterate is the result. */
function tracePaper(frame: Frame, settings: CfrSettings): Traced {
  const { x, mask, state, iterate } = frame;
  const { clip } = settings;
  const start = startOf(settings.deltaInit)!;
  const delta = frame.variable('delta', frame.shape);
  frame.begin(() => {
    frame.kernel(startShader, {
      constants: { CLIP: clip === 'forward' },
      reads: [x, mask, delta],
      writes: [state, iterate],
    });
  });
  frame.procedure('step', () => {
    const { gradient } = frame.look('exact', { loss: 'ce', rank: 'none' });
    frame.kernel(paperShader, {
      constants: {
        CLIP: { final: 0, none: 0, forward: 1, project: 2 }[clip],
        FLOOR: new F32(frame.targeted ? 1 : 1e-30),
      },
      reads: [x, mask, gradient, frame.settings],
      writes: [state, delta, iterate],
    });
  });
  frame.attempt('judge', 'round', { rank: 'latest' });
  return {
    steps: [['step', settings.iterations]],
    tail: [['judge', 1]],
    start: {
      variable: delta,
      fill(image, seed, index) {
        start.fill(image, seed, index);
        for (const [e, value] of image.entries()) image[e] = value * start.scale;
      },
    },
    async delta(result) {
      const last = (await result.program.read(delta)).slice(0, result.x.length);
      // The other readings of Algorithm 1 leave delta as it is.
      return clip === 'final' ? unmasked({ ...result, xAdv: clipped(last, result) }) : last;
    },
  };
}

/** Most loss within a budget, for transfer to other nets, where the least perturbation carries over badly. */
function traceBudget(frame: Frame, settings: CfrSettings): Traced {
  const { x, mask, state, iterate } = frame;
  const delta = frame.variable('delta', frame.shape);
  const momentum = frame.variable('momentum', frame.shape);
  const cosine = cosineTable(frame, settings.iterations);
  const showing = settings.norm;
  frame.begin(() => {
    frame.zero(delta);
    frame.zero(momentum);
  });
  frame.procedure('step', () => {
    const { gradient } = frame.look(showing, { loss: 'ce-unit', rank: 'loss' });
    const [step] = frame.kernel(scheduleShader, {
      reads: [cosine, frame.settings, state],
      outputs: [[frame.batch]],
    });
    frame.kernel(budgetShader, {
      constants: { LINF: showing === 'linf' },
      reads: [x, mask, gradient, frame.settings, step!],
      writes: [delta, iterate, momentum],
    });
  });
  frame.attempt('judge', showing, { rank: 'loss' });
  return {
    steps: [['step', settings.iterations]],
    tail: [['judge', 1]],
    delta: unmasked,
  };
}

/** delta = (xAdv - X) / M where M > 0, else 0. */
async function unmasked({ x, xAdv, mask, pixels }: Omit<DeltaOf, 'program'>): Promise<Float32Array> {
  return x.map((clean, e) => {
    const m = mask[maskIndex(e, pixels)]!;
    return m > 0 ? (xAdv[e]! - clean) / m : 0;
  });
}

/** X + delta*M clipped to [0, 1], not rounded. */
function clipped(delta: Float32Array, { x, mask, pixels }: Omit<DeltaOf, 'program'>): Float32Array {
  return x.map((clean, e) => Math.min(1, Math.max(0, clean + delta[e]! * mask[maskIndex(e, pixels)]!)));
}

/** Where element e of [n, 3, pixels] lies in [n, pixels]. */
function maskIndex(e: number, pixels: number): number {
  return Math.floor(e / (3 * pixels)) * pixels + (e % pixels);
}
