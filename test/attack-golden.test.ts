/**
 * Attacks on the shipped nets against PyTorch's runs (test/golden). Both attacks are chaotic once a pixel is rounded the other way, so
 * the tolerances are those that test/golden/README.md measured; single steps are compared exactly in attack.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { SLOTS, STATE } from '../attack/kernels.js';
import { attackSettings } from '../attack/settings.js';
import { traceAttack } from '../attack/trace.js';
import { loadModel } from '../nets/model.js';
import { readStateDict } from '../weights/state-dict-files.js';
import { ELEMENTS, PIXELS } from './attack-support.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { type AttackFacts, openGolden } from './support/golden.js';

async function start(name: string, mode: 'minimal' | 'paper') {
  const golden = openGolden<AttackFacts>(`attack-${name}`);
  const { label, steps, tau } = golden.facts;
  const model = loadModel(await readStateDict(`weights/files/${name}.safetensors`));
  const batch = label.length;
  const engine = await testEngine();
  const traced = traceAttack(model, attackSettings({ mode, iterations: steps, tau }, model.spec), batch);
  const program = await engine.compile(traced.graph);
  const labels = Uint32Array.from(label);
  program.write(traced.x, golden.pixels().data);
  program.write(traced.labels, labels);
  program.write(traced.goal, labels);
  program.write(
    traced.delta,
    mode === 'paper' ? golden.tensor('delta0').data : new Float32Array(batch * ELEMENTS),
  );
  await program.run(['explain', 1]);
  return { golden, traced, program, batch, steps };
}

/** One value of the state for each image. */
function slots(state: Float32Array, name: keyof typeof SLOTS): number[] {
  return Array.from({ length: state.length / STATE }, (_, image) => state[image * STATE + SLOTS[name]]!);
}

describe.each(['vgg11_bn-cifar10', 'resnet18-cifar10'])('%s', (name) => {
  it('explains and attacks as PyTorch does (minimal)', { timeout: 400_000 }, async () => {
    const { golden, traced, program, batch, steps } = await start(name, 'minimal');
    const cam = golden.tensor('cam').data;
    expectClose(await program.read(traced.explanation.cam), cam, { atol: 1e-3, nmse: 1e-7, label: 'cam' });
    expectClose(await program.read(traced.logits), golden.tensor('logits').data, {
      atol: 1e-3,
      label: 'logits',
    });
    const mask = golden.tensor('mask').data;
    const region = await program.readU32(traced.explanation.region);
    for (let image = 0; image < batch; image++) {
      const of = (data: Float32Array) => data.subarray(image * PIXELS, (image + 1) * PIXELS);
      const borderline = of(cam).filter((value) => Math.abs(value - 0.2) < 1e-3).length;
      const pixels = of(mask).filter((value) => value > 0).length;
      expect(region[2 * image]).toBe(0);
      expect(Math.abs(region[2 * image + 1]! - pixels)).toBeLessThanOrEqual(borderline);
    }

    program.write(traced.explanation.mask, mask);
    await program.run(['init', 1]);
    const l2 = golden.tensor('minimal.f64.l2').data;
    const fooled = golden.tensor('minimal.f64.fooled').data;
    const radius = golden.tensor('minimal.f64.radius').data;
    const loss = golden.tensor('minimal.f64.loss').data;
    const iterates = golden.pixels('minimal.f64.iterates').data;
    const at = (data: Float32Array, step: number) => data.slice(step * batch, (step + 1) * batch);
    for (let step = 0; step < 5; step++) {
      const iterate = await program.read(traced.iterate);
      const before = await program.read(traced.state);
      await program.run(['step', 1]);
      const state = await program.read(traced.state);
      const expected = iterates.subarray(step * iterate.length, (step + 1) * iterate.length);
      const differing = iterate.filter((value, e) => value !== expected[e]).length / iterate.length;
      expect(differing, `pixels that differ at step ${step}`).toBeLessThanOrEqual(
        [0, 0.005, 0.04, 0.15, 0.15][step]!,
      );
      const rtol = [0, 0.003, 0.004, 0.01, 0.02][step]!;
      expectClose(slots(before, 'SLOT_NORM'), at(l2, step), {
        rtol,
        atol: 1e-5,
        label: `l2 of step ${step}`,
      });
      expectClose(slots(before, 'SLOT_RADIUS'), at(radius, step), {
        rtol: 1e-5,
        label: `radius of step ${step}`,
      });
      expect(slots(state, 'SLOT_FOOLS')).toEqual(Array.from(at(fooled, step)));
      if (step === 0)
        expectClose(slots(state, 'SLOT_LOSS'), at(loss, 0), { rtol: 1e-4, atol: 1e-6, label: 'loss' });
    }
    await program.run(['step', steps - 5], ['judge', 1]);
    const state = await program.read(traced.state);
    expect(slots(state, 'SLOT_FOUND')).toEqual(new Array(batch).fill(1));
    const found = slots(state, 'SLOT_BEST_NORM');
    const bestL2 = golden.tensor('minimal.f64.bestL2').data;
    expectClose(found, bestL2, { rtol: 0.15, label: 'best l2' });
    const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, v) => sum + v, 0) / batch;
    expectClose([mean(found)], [mean(bestL2)], { rtol: 0.05, label: 'mean best l2' });
    program.destroy();
  });
});

it('follows Algorithm 1 as PyTorch does (paper)', { timeout: 400_000 }, async () => {
  const { golden, traced, program, batch, steps } = await start('vgg11_bn-cifar10', 'paper');
  program.write(traced.explanation.mask, golden.tensor('mask').data);
  await program.run(['init', 1]);
  const norm = golden.tensor('paper.f64.norm').data;
  const loss = golden.tensor('paper.f64.loss').data;
  const j = golden.tensor('paper.f64.j').data;
  for (let step = 0; step < 5; step++) {
    const before = slots(await program.read(traced.state), 'SLOT_NORM');
    await program.run(['step', 1]);
    const after = slots(await program.read(traced.state), 'SLOT_LOSS');
    const from = step * batch;
    expectClose(before, norm.slice(from, from + batch), { rtol: 1e-3, label: `norm of step ${step}` });
    const made = after.map((value, image) => value / 0.1 + 1 / (before[image]! + 1e-12));
    expectClose(made, j.slice(from, from + batch), { rtol: 1e-2, label: `J of step ${step}` });
    expectClose(after, loss.slice(from, from + batch), {
      rtol: 1e-2,
      atol: 1e-3,
      label: `loss of step ${step}`,
    });
  }
  await program.run(['step', steps - 5], ['judge', 1]);
  const found = slots(await program.read(traced.state), 'SLOT_FOUND');
  expect(found).toEqual(Array.from(golden.tensor('paper.f64.fooled').data));
  program.destroy();
});
