/** The commands of experiments on made-up nets and devices (cli-fakes.ts): which images, cells that are shared, outputs, resuming, mistakes. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fitToBudget, propagationsOf, stepSetting } from '../attack/cost.js';
import { methodNamed } from '../attack/methods/index.js';
import { parseOver } from '../cli/commands/sweep.js';
import { methodChoice } from '../cli/experiment-options.js';
import { outputFiles } from '../experiments/outputs.js';
import { tinyResnet } from './attack-support.js';
import { cfr, interrupt, model, temporaryFolder } from './cli-fakes.js';

const sample = ['--dataset', 'cifar10-sample'];
/** For tests of what does not depend on their number: pictures are synced to the disk. */
const few = { images: 3 };
const unbudgeted = ['--budget-propagations', 'none'];
const json = (folder: string) => JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8'));
const outputs = (folder: string) =>
  Object.values(outputFiles)
    // Not every experiment has pictures of images.
    .filter((name) => !name.startsWith('images') || existsSync(join(folder, name)))
    .map((name) => readFileSync(join(folder, name)).toString('base64'));

describe('compare', () => {
  const compare = (out: string, ...more: string[]) => [
    'compare',
    ...sample,
    ...unbudgeted,
    '--methods',
    'cfr:iterations=4,pgd:norm=l2:iterations=4',
    '--out',
    out,
    ...more,
  ];

  test('attacks the images that the net classifies right, and leaves every output', async () => {
    const out = join(temporaryFolder(), 'out');
    const ran = await cfr(compare(out), { wrong: [2, 5] });
    expect(ran.err).toMatch(/8 of 10 images are classified right by fake-net/);
    expect(ran.code).toBe(0);
    const right = [0, 1, 3, 4, 6, 7, 8, 9];
    expect(ran.attacked.flat()).toEqual([...right, ...right]);
    for (const name of Object.values(outputFiles)) expect(statSync(join(out, name)).size).toBeGreaterThan(0);
    const { cells, worstCase, indices, clean } = json(out);
    expect(indices).toEqual(right);
    expect(clean).toEqual([
      {
        net: 'fake-net',
        weights: 'abc',
        images: 10,
        correct: 8,
        lines: expect.stringMatching(/^clean-fake-net-/),
      },
    ]);
    expect(cells).toHaveLength(2);
    expect(cells[1]).toMatchObject({
      title: 'pgd norm l2 iterations 4',
      method: 'pgd',
      norm: 'l2',
      n: 8,
      succeeded: 8,
      asr: 1,
      mean: { l0: 1 },
      propagations: { mean: 2, found: 1, budget: null },
      // Equal runs: nothing tells them apart.
      optimality: { l2: null },
    });
    expect(cells[1].asr95.low).toBeCloseTo(0.6756, 3);
    expect(cells[0].images).toBe(cells[1].images);
    expect(existsSync(join(out, 'cells', cells[0].name, 'results.jsonl'))).toBe(true);
    // Of equals the first.
    expect(worstCase[0]).toMatchObject({ n: 8, succeeded: 8, by: { [cells[0].name]: 8 } });
    expect(ran.out).toMatch(/worst case of 2/);
  });

  test('goes on after an interruption, to the same bytes', async () => {
    const [whole, cut] = [join(temporaryFolder(), 'a'), join(temporaryFolder(), 'b')];
    await cfr(compare(whole, '--batch', '4'));
    const stopped = await cfr(compare(cut, '--batch', '4'), {
      onBatch: (batch) => {
        if (batch === 4) interrupt();
      },
    });
    expect(stopped.code).toBe(130);
    expect(existsSync(join(cut, outputFiles.results))).toBe(false);
    const again = await cfr(compare(cut, '--batch', '4'));
    expect(again.code).toBe(0);
    expect(again.attacked.flat()).toEqual([4, 5, 6, 7, 8, 9]);
    expect(outputs(cut)).toEqual(outputs(whole));
  });

  test('cells that are finished are not run again, also by another command', async () => {
    const folder = temporaryFolder();
    const cells = join(folder, 'cells');
    await cfr(compare(join(folder, 'a'), '--cells', cells), few);
    const again = await cfr(compare(join(folder, 'a'), '--cells', cells), few);
    expect(again.attacked).toEqual([]);
    const swept = await cfr(
      [
        ...['sweep', ...sample, '--method', 'cfr', '--over', 'iterations=4,5,tau=0.2,0.4'],
        ...['--out', join(folder, 'b'), '--cells', cells],
      ],
      few,
    );
    expect(swept.code).toBe(0);
    expect(swept.attacked.flat()).toHaveLength(9);
    expect(readdirSync(cells).filter((name) => name.startsWith('fake-net-'))).toHaveLength(5);
    expect(readFileSync(join(folder, 'b', outputFiles.svg), 'utf8').match(/class="cell"/g)).toHaveLength(8);
  });

  test('a sweep over names shows bars and which of them is best, image by image', async () => {
    const out = join(temporaryFolder(), 'out');
    const over = 'region=all,cfr,outside-cfr';
    await cfr(['sweep', ...sample, '--method', 'cfr:iterations=4', '--over', over, '--out', out], few);
    const { cells, worstCase, notes } = json(out);
    expect(worstCase).toHaveLength(1);
    const { by, n } = worstCase[0];
    const won = Object.values<number>(by).reduce((sum, count) => sum + count, 0);
    expect(won).toBe(worstCase[0].succeeded);
    const medians = cells.map(
      ({ median }: { median: { l2: number | null } }) => median.l2 ?? Number.POSITIVE_INFINITY,
    );
    const best = cells[medians.indexOf(Math.min(...medians))];
    expect(notes).toContainEqual(
      `Best on fake-net: region ${best.region}, with the least median l2 (${best.median.l2.toPrecision(3)}); it has the least l2 of all 3 on ${by[best.name] ?? 0} of ${n} images.`,
    );
    const svg = readFileSync(join(out, outputFiles.svg), 'utf8');
    for (const region of ['all', 'cfr', 'outside-cfr']) expect(svg).toContain(`>${region}<`);
    expect(svg).not.toContain('<path');
  });

  test('a region is a cell of its own', async () => {
    const out = join(temporaryFolder(), 'out');
    await cfr(compare(out, '--region', 'all', '--region', 'cfr'), few);
    expect(json(out).cells.map(({ title }: { title: string }) => title)).toEqual([
      'cfr iterations 4 in all',
      'cfr iterations 4',
      'pgd norm l2 iterations 4',
      'pgd norm l2 iterations 4 in cfr',
    ]);
  });

  test('--json is the document of results.json', async () => {
    const out = join(temporaryFolder(), 'out');
    const { out: said } = await cfr(compare(out, '--json'), few);
    expect(JSON.parse(said)).toEqual({ ...json(out), out });
  });

  test.each([
    [['compare', ...sample, '--methods', 'pgdd'], /method: expected one of .*did you mean "pgd"/],
    [
      ['compare', ...sample, '--methods', 'pgd:nrm=l2'],
      /pgd: expected one of its settings \(.*norm.*\), got "nrm"/,
    ],
    [
      ['compare', ...sample, '--methods', 'pgd:norm'],
      /expected NAME:setting=value, got "norm" in "pgd:norm"/,
    ],
    [
      ['compare', ...sample, ...unbudgeted, '--methods', 'pgd:norm=l3'],
      /pgd: norm: expected one of .*, got "l3"/,
    ],
    [['compare', ...sample, '--models', 'a,a'], /--models: expected each net once, got a twice/],
    [['compare', ...sample, '--budget-propagations', '0'], /--budget-propagations: expected a whole number/],
    [['compare', 'a.png'], /images: expected labels/],
    [['defend', ...sample], /defend: expected nets that were made robust, got none in the registry/],
    [['transfer', ...sample, '--models', 'a'], /--models: expected two nets or more/],
    [['sweep', ...sample], /--over: expected setting=a,b,c/],
    [['sweep', ...sample, '--over', 'tau=0.1,0.1'], /--over: expected each value of tau once/],
    [['sweep', ...sample, '--over', 'tau=0.1,7'], /cfr: tau: expected a number from 0 to 1, got 7/],
    [['regions', ...sample, '--tau', '2'], /--tau: expected a number from 0 to 1/],
  ])('mistake %j', async (argv, message) => {
    const ran = await cfr([...argv, '--out', join(temporaryFolder(), 'out')]);
    expect(ran.err.trim().split('\n').at(-1)).toMatch(message);
    expect(ran.code).toBe(2);
    expect(ran.attacked).toEqual([]);
  });

  test('no image that all nets classify right is a mistake, not an empty table', async () => {
    const out = join(temporaryFolder(), 'out');
    const ran = await cfr(compare(out), { wrong: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] });
    expect(ran.err).toMatch(/expected some that fake-net classify right, got none of 10/);
    expect(ran.code).toBe(2);
  });
});

test('regions: every image counts, and what is there is not asked again', async () => {
  const out = join(temporaryFolder(), 'out');
  const argv = ['regions', ...sample, '--out', out];
  const first = await cfr(argv, { wrong: [1] });
  expect(first.code).toBe(0);
  const [net] = json(out).nets;
  // The fake net looks at the first pixel alone, which its map holds for the least: it is outside of the CFR.
  const classes = [0, 1, 2, 3, 0, 1, 2, 3, 0, 1];
  const dark = classes.filter((label) => label === 0).length;
  expect(net).toMatchObject({ n: 10, empty: 0, share: 819 / 1024 });
  expect(net.accuracy.clean.correct).toBe(9);
  expect(net.accuracy.cfr.correct).toBe(9);
  expect(net.accuracy['non-cfr'].correct).toBe(dark);
  const before = outputs(out);
  const again = await cfr(argv, { wrong: [1] });
  expect(again.batches).toEqual([]);
  expect(outputs(out)).toEqual(before);
});

test('transfer: each net judges the images of each', async () => {
  const out = join(temporaryFolder(), 'out');
  const argv = [
    ...['transfer', ...sample, '--models', 'a,b', '--methods', 'cfr:iterations=4'],
    ...['--equal-l2', '0.008', '--out', out],
  ];
  const net = ({ model: name = '' }) => ({
    ...model,
    name,
    spec: { ...model.spec, std: [1, 1, 1] as const },
  });
  const ran = await cfr(argv, { net, ...few });
  expect(ran.code).toBe(0);
  const { pairs } = json(out);
  expect(pairs.map(({ substitute, target }: Record<string, string>) => `${substitute}${target}`)).toEqual([
    'aa',
    'ab',
    'ba',
    'bb',
  ]);
  // One level of one value: another class to every net. Two levels are another one yet.
  for (const pair of pairs) expect(pair).toMatchObject({ n: 3, correct: 0, correctAtL2: 0 });
  expect(pairs[0].l2).toBeCloseTo(1 / 255, 9);
  expect(pairs[0].scaledL2).toBeCloseTo(2 / 255, 9);
  expect((await cfr(argv, { net, ...few })).batches).toEqual([]);
});

describe('what is typed', () => {
  test('methods with settings', () => {
    const { method, given } = methodChoice('cfr:mask-norm=sum:budget=2/255:iterations=7');
    expect(method.name).toBe('cfr');
    expect(given).toEqual({ maskNorm: 'sum', epsilon: 2 / 255, iterations: 7 });
  });

  test('sweeps', () => {
    expect(parseOver(methodNamed('cfr'), 'iterations=10,20,temperature=.1,.5,mode=paper')).toEqual([
      { setting: 'iterations', values: [10, 20] },
      { setting: 'temperature', values: [0.1, 0.5] },
      { setting: 'mode', values: ['paper'] },
    ]);
    expect(() => parseOver(methodNamed('cfr'), 'tau=0,tau=1')).toThrow(/expected tau once/);
  });
});

describe('steps within a budget', () => {
  const net = tinyResnet();
  const fit = (name: string, given: Readonly<Record<string, unknown>>, budget: number) =>
    fitToBudget(net, methodNamed(name), given, budget);

  test('as many as it allows, and not one more', () => {
    for (const name of ['cfr', 'ddn', 'pgd', 'deepfool', 'square', 'cw-l2']) {
      const method = methodNamed(name);
      const { settings, propagations, fits } = fit(name, {}, 60);
      expect(fits).toBe(true);
      expect(propagations).toBe(propagationsOf(net, method, settings));
      expect(propagations).toBeLessThanOrEqual(60);
      const steps = stepSetting(method)!;
      const more = method.settings({ [steps]: Number(settings[steps]) + 1 }, net.spec);
      expect(propagationsOf(net, method, more)).toBeGreaterThan(60);
    }
  });

  test('settings that are given stay, and what does not fit is told', () => {
    expect(fit('pgd', { iterations: 50 }, 60)).toMatchObject({ fits: false, settings: { iterations: 50 } });
    expect(fit('pgd', { iterations: 5 }, 60)).toMatchObject({ fits: true, settings: { iterations: 5 } });
    const { fits, settings, propagations } = fit('one-pixel', {}, 60);
    expect(fits).toBe(false);
    expect(settings.iterations).toBe(100);
    expect(propagations).toBeGreaterThan(40_000);
  });
});
