/** Settings without a GPU: defaults, their scaling, what is refused and how; schedules and the random start. */
import { describe, expect, it } from 'vitest';
import { padded } from '../attack/batches.js';
import { type AttackOptions, attackSettings as anySettings } from '../attack/driver.js';
import { METHODS } from '../attack/methods/index.js';
import { fillNormal, fillUniform } from '../attack/random.js';
import { halfCosine } from '../attack/schedule.js';
import { SettingError } from '../attack/settings/rows.js';
import { makeSpec } from '../nets/spec.js';
import { expectClose } from './support/compare.js';

const CIFAR = makeSpec('resnet20');
const IMAGENET = makeSpec('resnet50');

const attackSettings = (options: AttackOptions, net: typeof CIFAR) => anySettings(options, net).settings;

describe('attackSettings', () => {
  it('has the defaults of the specification', () => {
    const common = {
      region: 'cfr',
      layer: 'auto',
      iterations: 30,
      tau: 0.2,
      maskNorm: 'max',
      explanation: 'gradcam',
      seed: 0,
    };
    expect(attackSettings({}, CIFAR)).toEqual({
      mode: 'minimal',
      ...common,
      radius: 0.3,
      gamma: 0.3,
      gammaEnd: 0.003,
      stepStart: 1,
      stepEnd: 0.01,
    });
    expect(attackSettings({ mode: 'paper' }, CIFAR)).toEqual({
      mode: 'paper',
      ...common,
      temperature: 0.1,
      eta: 10,
      beta: 1,
      deltaInit: 'normal',
      clip: 'forward',
    });
    expect(attackSettings({ mode: 'budget' }, CIFAR)).toMatchObject({ norm: 'l2', epsilon: 2 });
    expect(attackSettings({ mode: 'budget', norm: 'linf' }, CIFAR)).toMatchObject({ epsilon: 8 / 255 });
  });

  it('scales with the image', () => {
    expect(attackSettings({}, IMAGENET).radius).toBeCloseTo(2.1);
    expect(attackSettings({ mode: 'paper' }, IMAGENET)).toMatchObject({ eta: 20 });
    expect(attackSettings({ mode: 'budget' }, IMAGENET)).toMatchObject({ epsilon: 14 });
    expect(attackSettings({ mode: 'budget', norm: 'linf' }, IMAGENET)).toMatchObject({ epsilon: 8 / 255 });
  });

  it('is plain data that gives itself again', () => {
    for (const mode of ['minimal', 'paper', 'budget'] as const) {
      const settings = attackSettings({ mode, target: 3 }, CIFAR);
      expect(attackSettings(JSON.parse(JSON.stringify(settings)), CIFAR)).toEqual(settings);
    }
  });

  const START =
    'expected normal, uniform, signs, zeros, one of them times a number from 0 to 1000000 (uniform:0.1), or a deviation';
  const refused: readonly (readonly [object, string, string])[] = [
    [{ mode: 'fast' }, 'mode', 'expected one of minimal, paper, budget, got "fast"'],
    [{ iterations: 0 }, 'iterations', 'expected an integer from 1 to 10000, got 0'],
    [{ iterations: 2.5 }, 'iterations', 'expected an integer from 1 to 10000, got 2.5'],
    [{ iterations: Number.NaN }, 'iterations', 'expected an integer from 1 to 10000, got NaN'],
    [{ iterations: '30' }, 'iterations', 'expected an integer from 1 to 10000, got "30"'],
    [{ target: 10 }, 'target', 'expected an integer from 0 to 9, got 10'],
    [{ tau: -0.1 }, 'tau', 'expected a number from 0 to 1, got -0.1'],
    [{ seed: -1 }, 'seed', 'expected an integer from 0 to 4294967295, got -1'],
    [{ gamma: 1 }, 'gamma', 'expected a number from 0 to 0.99, got 1'],
    [{ radius: 0 }, 'radius', 'expected a number from 0.000001 to 1000000, got 0'],
    [{ mode: 'paper', temperature: 0 }, 'temperature', 'expected a number from 0.000001 to 1000000, got 0'],
    [{ mode: 'paper', clip: 'often' }, 'clip', 'expected one of forward, project, final, none, got "often"'],
    [{ mode: 'paper', deltaInit: 'ones' }, 'deltaInit', `${START}, got "ones"`],
    [{ mode: 'paper', deltaInit: -1 }, 'deltaInit', `${START}, got -1`],
    [{ mode: 'paper', deltaInit: 'signs:' }, 'deltaInit', `${START}, got "signs:"`],
    [{ mode: 'paper', deltaInit: 'signs:-1' }, 'deltaInit', `${START}, got "signs:-1"`],
    [{ preset: 'paper' }, 'preset', 'expected one of paper-figures, got "paper"'],
    [
      { preset: 'paper-figures', mode: 'minimal' },
      'preset',
      'expected none with mode minimal, got "paper-figures", which is mode paper',
    ],
    [{ mode: 'budget', norm: 'l1' }, 'norm', 'expected one of l2, linf, got "l1"; did you mean "l2"?'],
    [{ mode: 'budget', budget: 0.001 }, 'epsilon', 'expected a number from 0.003922 to 1000000, got 0.001'],
    [
      { mode: 'budget', budget: 1, epsilon: 1 },
      'epsilon',
      'expected it or epsilon, got both; they are the same setting',
    ],
    [{ eta: 5 }, 'eta', 'expected no value with mode minimal, got 5; it belongs to mode paper'],
    [
      { mode: 'paper', stepStart: 1 },
      'stepStart',
      'expected no value with mode paper, got 1; it belongs to mode minimal or budget',
    ],
    [
      { region: 'box:1,2,3' },
      'region',
      'expected all, cfr, outside-cfr, random-cfr, random-cfr:anywhere, box:X,Y,W,H or file:MASK.png, got "box:1,2,3"',
    ],
  ];
  it.each(refused)('refuses %o', (options, setting, detail) => {
    let thrown: unknown;
    try {
      attackSettings(options as AttackOptions, CIFAR);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toEqual(new SettingError(setting, detail));
  });

  it('takes a preset for the settings that it stands for, and what is given beside it instead', () => {
    const { preset, ...alone } = attackSettings({ preset: 'paper-figures' }, CIFAR);
    expect(preset).toBe('paper-figures');
    expect(alone).toEqual(
      attackSettings(
        { mode: 'paper', tau: 0.1, maskNorm: 'binary', deltaInit: 'signs:0.034', eta: 0.01, beta: 0.1 },
        CIFAR,
      ),
    );
    expect(attackSettings({ preset: 'paper-figures', eta: 5, tau: 0.3, beta: undefined }, CIFAR)).toEqual({
      ...alone,
      preset,
      eta: 5,
      tau: 0.3,
    });
    expect(() => attackSettings({ method: 'pgd', preset: 'paper-figures' }, CIFAR)).toThrow(
      'preset: expected a setting of method pgd',
    );
  });

  it('names what there is where a setting is unknown', () => {
    expect(() => attackSettings({ speed: 1 }, CIFAR)).toThrow(
      /^speed: expected a setting of method cfr \(region, .*\), got 1$/,
    );
    expect(() => attackSettings({ method: 'cfrr' }, CIFAR)).toThrow(
      /^method: expected one of .*, got "cfrr"; did you mean "cfr"\?$/,
    );
  });

  it.each(METHODS.map(({ name }) => name))(
    '%s has defaults for every net, and gives them again',
    (method) => {
      const targeted = METHODS.find(({ name }) => name === method)!.goals.includes('untargeted')
        ? {}
        : { target: 1 };
      for (const net of [CIFAR, IMAGENET]) {
        const settings = attackSettings({ method, ...targeted }, net);
        expect(attackSettings({ method, ...JSON.parse(JSON.stringify(settings)) }, net)).toEqual(settings);
      }
    },
  );

  it('takes undefined for a default', () => {
    expect(attackSettings({ iterations: undefined, eta: undefined }, CIFAR)).toEqual(
      attackSettings({}, CIFAR),
    );
  });
});

it('a half cosine falls from 1', () => {
  expectClose(halfCosine(4), [1, (1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2], { rtol: 1e-6 });
});

describe('random start', () => {
  const draw = (fill: typeof fillNormal, seed: number, image: number, stream = 0, length = 20_001) => {
    const out = new Float32Array(length);
    fill(out, seed, image, stream);
    return out;
  };
  const mean = (values: Float32Array, power = 1) =>
    values.reduce((sum, v) => sum + v ** power, 0) / values.length;

  it('has the moments of its distribution', () => {
    const normal = draw(fillNormal, 1, 2);
    expect(Math.abs(mean(normal))).toBeLessThan(0.03);
    expect(Math.abs(mean(normal, 2) - 1)).toBeLessThan(0.05);
    expect(Math.abs(mean(normal, 4) - 3)).toBeLessThan(0.3);
    const uniform = draw(fillUniform, 1, 2);
    expect(Math.abs(mean(uniform))).toBeLessThan(0.02);
    expect(Math.abs(mean(uniform, 2) - 1 / 3)).toBeLessThan(0.01);
    expect(uniform.every((v) => v > -1 && v < 1)).toBe(true);
  });

  it('is a function of seed, image, stream and element', () => {
    expect(draw(fillNormal, 1, 2, 0, 10)).toEqual(draw(fillNormal, 1, 2).slice(0, 10));
    const first = [
      draw(fillNormal, 1, 2),
      draw(fillNormal, 2, 1),
      draw(fillNormal, 1, 3),
      draw(fillNormal, 1, 2, 1),
    ];
    for (const [i, a] of first.entries()) {
      for (const b of first.slice(i + 1)) {
        const correlation = a.reduce((sum, v, e) => sum + v * b[e]!, 0) / a.length;
        expect(Math.abs(correlation)).toBeLessThan(0.04);
      }
    }
  });
});

it('fills a short batch up with copies', () => {
  expect(padded(Uint32Array.of(1, 2, 3, 4, 5, 6), 3, 4)).toEqual(Uint32Array.of(1, 2, 3, 4, 5, 6, 1, 2));
  expect(padded(Uint32Array.of(1, 2), 1, 4)).toEqual(Uint32Array.of(1, 2, 1, 2, 1, 2, 1, 2));
  const whole = Float32Array.of(1, 2);
  expect(padded(whole, 2, 2)).toBe(whole);
});
