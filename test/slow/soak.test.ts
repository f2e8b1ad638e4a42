/**
 * What goes on for long takes no more memory at its end than at its beginning, and ends by itself. In processes of their own, whose resident
 * size is looked at after the garbage is collected. `SOAK_ATTACKS`, `SOAK_ENGINES`: how many.
 */
import { expect, it } from 'vitest';
import { runProgram } from '../adapter-process.js';

const ATTACKS = Number(process.env.SOAK_ATTACKS ?? 2000);
const ENGINES = Number(process.env.SOAK_ENGINES ?? 200);

/** A small net of made-up weights, an image, and `look`: the resident size and the engine's own counters. */
const COMMON = `
import { createAttack, createEngine, loadModel } from './index.ts';
import { parameterNames } from './nets/families.ts';
import { makeSpec } from './nets/spec.ts';
import { fakeFile, fakeTensor } from './test/nets-fakes.ts';
import { Random } from './test/support/random.ts';
const spec = makeSpec('resnet20', { widths: [4, 8, 12], classes: 3, inputSize: [16, 16] });
const model = loadModel(fakeFile([...parameterNames(spec)].map(([name, shape], i) => {
  const values = new Random(i + 1).uniformArray(shape.reduce((a, b) => a * b, 1), -0.3, 0.3);
  return [name, fakeTensor(shape, [...(name.endsWith('running_var') ? values.fill(1) : values)])];
})), { arch: 'resnet20', inputSize: [16, 16] });
const x = Float32Array.from({ length: 3 * 256 }, (_, i) => (i % 256) / 255);
const options = { iterations: 2 };
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const looks = [];
async function look(engine) {
  // The least of some: what is held, not what is about to be collected.
  let rss = Infinity;
  for (let i = 0; i < 8; i++) { globalThis.gc(); await pause(50); rss = Math.min(rss, process.memoryUsage.rss()); }
  looks.push({ rss, ...engine?.memory });
}
`;

const PROGRAMS = {
  attacks: `
    const engine = await createEngine();
    const attack = await createAttack(engine, model, options, 1);
    for (let i = 0; i <= ${ATTACKS}; i++) {
      await attack.run(x, Uint32Array.of(i % 3));
      if (i % ${Math.ceil(ATTACKS / 4)} === 0) await look(engine);
    }
    engine.close();
    console.log(JSON.stringify(looks));`,
  programs: `
    const engine = await createEngine();
    for (let i = 0; i <= ${ENGINES}; i++) {
      const attack = await createAttack(engine, model, options, 1);
      await attack.run(x, Uint32Array.of(0));
      attack.destroy();
      if (i % ${Math.ceil(ENGINES / 4)} === 0) await look(engine);
    }
    engine.close();
    console.log(JSON.stringify(looks));`,
  engines: `
    for (let i = 0; i <= ${ENGINES}; i++) {
      const engine = await createEngine();
      const attack = await createAttack(engine, model, options, 1);
      await attack.run(x, Uint32Array.of(0));
      attack.destroy();
      engine.close();
      if (i % ${Math.ceil(ENGINES / 4)} === 0) await look();
    }
    console.log(JSON.stringify(looks));`,
  forgetful: `
    const engine = await createEngine();
    const attack = await createAttack(engine, model, options, 1);
    await attack.run(x, Uint32Array.of(0));
    console.log('[]');`,
} as const;

function run(name: keyof typeof PROGRAMS, timeout: number) {
  const { exitCode, stdout, stderr } = runProgram(`soak-${name}`, COMMON + PROGRAMS[name], {
    timeout,
    flags: ['--expose-gc'],
  });
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as {
    rss: number;
    constants?: number;
    temporaries?: number;
    state?: number;
  }[];
}

/** The first quarter warms up: what the driver and V8 keep for good. */
it.each([
  ['attacks', `${ATTACKS} attacks by one program`],
  ['programs', `${ENGINES} programs made and destroyed`],
  ['engines', `${ENGINES} engines, each with an attack`],
] as const)(
  '%s: %s, flat to 1 %%',
  (name, what) => {
    const looks = run(name, 3_000_000);
    const sizes = looks.map(({ rss }) => (rss / 2 ** 20).toFixed(1));
    console.log(`${what}: ${sizes.join(', ')} MiB`);
    const [, warm, ...later] = looks;
    expect(later).toHaveLength(3);
    expect(later[2]!.rss, sizes.join(', ')).toBeLessThan(1.01 * warm!.rss);
    const { rss: _, ...first } = warm!;
    for (const { rss: __, ...counters } of later) expect(counters).toEqual(first);
  },
  3_100_000,
);

it('a process whose engine was never closed ends by itself', () => {
  expect(run('forgetful', 60_000)).toEqual([]);
}, 70_000);
