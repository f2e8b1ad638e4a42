/**
 * What goes on for long takes no more memory at its end than in its middle, and ends by itself. In processes of their own, whose resident
 * size is looked at after the garbage is collected. `SOAK_ATTACKS`, `SOAK_ENGINES`: how many.
 *
 * The first half warms up. What grows then is not ours, and was seen to end: glibc's arenas, until each has had its busiest moment; V8's
 * compiled code; pages of Dawn's heaps of 8 MiB, of which each is touched once. A leak grows on: one of 25 KB in each of 200 rounds is
 * above the bound.
 */
import { expect, it } from 'vitest';
import { runProgram } from '../adapter-process.js';

const ATTACKS = Number(process.env.SOAK_ATTACKS ?? 2000);
const ENGINES = Number(process.env.SOAK_ENGINES ?? 200);
/** Looks at the process, after the first round. */
const LOOKS = 8;
/** By how much the resident size may grow in the second half. */
const BOUND = 1.01;

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
      if (i % ${Math.ceil(ATTACKS / LOOKS)} === 0) await look(engine);
    }
    engine.close();
    console.log(JSON.stringify(looks));`,
  programs: `
    const engine = await createEngine();
    for (let i = 0; i <= ${ENGINES}; i++) {
      const attack = await createAttack(engine, model, options, 1);
      await attack.run(x, Uint32Array.of(0));
      attack.destroy();
      if (i % ${Math.ceil(ENGINES / LOOKS)} === 0) await look(engine);
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
      if (i % ${Math.ceil(ENGINES / LOOKS)} === 0) await look();
    }
    console.log(JSON.stringify(looks));`,
  forgetful: `
    const engine = await createEngine();
    const attack = await createAttack(engine, model, options, 1);
    await attack.run(x, Uint32Array.of(0));
    console.log('[]');`,
} as const;

interface Look {
  readonly rss: number;
  readonly constants?: number;
  readonly temporaries?: number;
  readonly state?: number;
}

function run(name: keyof typeof PROGRAMS, timeout: number): Look[] {
  const { exitCode, stdout, stderr } = runProgram(`soak-${name}`, COMMON + PROGRAMS[name], {
    timeout,
    flags: ['--expose-gc'],
    // What one thread frees, another may have: else each of them warms up by itself.
    env: { MALLOC_ARENA_MAX: '1' },
  });
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as Look[];
}

/** Of the second half: its end against its beginning, each the least of two looks. */
function growth(sizes: readonly number[]): number {
  const half = sizes.slice(Math.floor(sizes.length / 2));
  return Math.min(...half.slice(-2)) / Math.min(...half.slice(0, 2));
}

it('growth is told from warming up', () => {
  const base = 250e6;
  const leak = (bytes: number) => Array.from({ length: 9 }, (_, look) => base + 25 * look * bytes);
  expect(growth(leak(50_000))).toBeGreaterThan(BOUND);
  expect(growth([200e6, 230e6, 240e6, 244e6, base, base, 1.005 * base, base, base])).toBe(1);
});

it.each([
  ['attacks', `${ATTACKS} attacks by one program`],
  ['programs', `${ENGINES} programs made and destroyed`],
  ['engines', `${ENGINES} engines, each with an attack`],
] as const)(
  '%s: %s, flat to 1 %%',
  (name, what) => {
    const looks = run(name, 3_000_000);
    const sizes = looks.map(({ rss }) => (rss / 2 ** 20).toFixed(1)).join(', ');
    console.log(`${what}: ${sizes} MiB`);
    expect(looks).toHaveLength(LOOKS + 1);
    expect(growth(looks.map(({ rss }) => rss)), sizes).toBeLessThan(BOUND);
    const [{ rss: _, ...first }, ...later] = looks as [Look, ...Look[]];
    for (const { rss: __, ...counters } of later) expect(counters).toEqual(first);
  },
  3_100_000,
);

it('a process whose engine was never closed ends by itself', () => {
  expect(run('forgetful', 60_000)).toEqual([]);
}, 70_000);
