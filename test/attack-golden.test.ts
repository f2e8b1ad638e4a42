/**
 * Attacks on the shipped nets against PyTorch's runs (test/golden). Both attacks are chaotic once a pixel is rounded the other way, so
 * the tolerances are those that test/golden/README.md measured; single steps are compared exactly in attack.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { attackSettings, feed, traceAttack } from '../attack/driver.js';
import { OWN_SLOTS, SLOTS } from '../attack/kernels.js';
import { loadModel } from '../nets/model.js';
import { readStateDict } from '../weights/state-dict-files.js';
import { PIXELS } from './attack-support.js';
import { expectClose } from './support/compare.js';
import { testEngine } from './support/device.js';
import { type AttackFacts, openGolden } from './support/golden.js';

async function start(name: string, mode: 'minimal' | 'paper') {
  const golden = openGolden<AttackFacts>(`attack-${name}`);
  const { label, steps, tau } = golden.facts;
  const model = loadModel(await readStateDict(`weights/files/${name}.safetensors`));
  const batch = label.length;
  const engine = await testEngine();
  const { method, settings } = attackSettings(
    {
      mode,
      iterations: steps,
      tau,
      layer: 'last',
      ...(mode === 'minimal' ? { gamma: 0.1, gammaEnd: 0.1 } : {}),
    },
    model.spec,
  );
  const { frame, traced } = traceAttack(model, method, settings, batch);
  const program = await engine.compile(frame.graph);
  feed(program, frame, settings, golden.pixels().data, Uint32Array.from(label));
  if (traced.start) program.write(traced.start.variable, golden.tensor('delta0').data);
  await program.run(['explain', 1]);
  return { golden, frame, program, batch, steps };
}

/** One value of the state for each image. */
function slots(state: Float32Array, name: keyof typeof PLACES): number[] {
  const columns = OWN_SLOTS + 2;
  return Array.from({ length: state.length / columns }, (_, image) => state[image * columns + PLACES[name]]!);
}

/** With those of the `cfr` method. */
const PLACES = { ...SLOTS, SLOT_RADIUS: OWN_SLOTS, SLOT_P: OWN_SLOTS + 1 };

describe.each(['vgg11_bn-cifar10', 'resnet18-cifar10'])('%s', (name) => {
  it('explains and attacks as PyTorch does (minimal)', { timeout: 400_000 }, async () => {
    const { golden, frame, program, batch, steps } = await start(name, 'minimal');
    const cam = golden.tensor('cam').data;
    expectClose(await program.read(frame.explanation.cam), cam, { atol: 1e-3, nmse: 1e-7, label: 'cam' });
    expectClose(await program.read(frame.logits), golden.tensor('logits').data, {
      atol: 1e-3,
      label: 'logits',
    });
    const mask = golden.tensor('mask').data;
    const region = await program.readU32(frame.explanation.region);
    for (let image = 0; image < batch; image++) {
      const of = (data: Float32Array) => data.subarray(image * PIXELS, (image + 1) * PIXELS);
      const borderline = of(cam).filter((value) => Math.abs(value - 0.2) < 1e-3).length;
      const pixels = of(mask).filter((value) => value > 0).length;
      expect(region[2 * image]).toBe(0);
      expect(Math.abs(region[2 * image + 1]! - pixels)).toBeLessThanOrEqual(borderline);
    }

    program.write(frame.explanation.mask, mask);
    await program.run(['begin', 1]);
    const l2 = golden.tensor('minimal.f64.l2').data;
    const fooled = golden.tensor('minimal.f64.fooled').data;
    const radius = golden.tensor('minimal.f64.radius').data;
    const loss = golden.tensor('minimal.f64.loss').data;
    const iterates = golden.pixels('minimal.f64.iterates').data;
    const at = (data: Float32Array, step: number) => data.slice(step * batch, (step + 1) * batch);
    for (let step = 0; step < 5; step++) {
      const iterate = (await program.read(frame.iterate)).map((value) =>
        Math.fround(Math.round(255 * value) / 255),
      );
      await program.run(['step', 1]);
      const state = await program.read(frame.state);
      const expected = iterates.subarray(step * iterate.length, (step + 1) * iterate.length);
      const differing = iterate.filter((value, e) => value !== expected[e]).length / iterate.length;
      expect(differing, `pixels that differ at step ${step}`).toBeLessThanOrEqual(
        [0, 0.005, 0.04, 0.15, 0.15][step]!,
      );
      const rtol = [0, 0.003, 0.004, 0.01, 0.02][step]!;
      expectClose(slots(state, 'SLOT_L2'), at(l2, step), {
        rtol,
        atol: 1e-5,
        label: `l2 of step ${step}`,
      });
      expectClose(slots(state, 'SLOT_RADIUS'), at(radius, step + 1), {
        rtol: 1e-5,
        label: `radius of step ${step}`,
      });
      expect(slots(state, 'SLOT_FOOLS')).toEqual(Array.from(at(fooled, step)));
      if (step === 0)
        expectClose(slots(state, 'SLOT_LOSS'), at(loss, 0), { rtol: 1e-4, atol: 1e-6, label: 'loss' });
    }
    await program.run(['step', steps - 5], ['judge', 1]);
    const state = await program.read(frame.state);
    expect(slots(state, 'SLOT_FOUND')).toEqual(new Array(batch).fill(1));
    const found = slots(state, 'SLOT_BEST_L2');
    const bestL2 = golden.tensor('minimal.f64.bestL2').data;
    expectClose(found, bestL2, { rtol: 0.15, label: 'best l2' });
    const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, v) => sum + v, 0) / batch;
    expectClose([mean(found)], [mean(bestL2)], { rtol: 0.05, label: 'mean best l2' });
    program.destroy();
  });
});

it('follows Algorithm 1 as PyTorch does (paper)', { timeout: 400_000 }, async () => {
  const { golden, frame, program, batch, steps } = await start('vgg11_bn-cifar10', 'paper');
  program.write(frame.explanation.mask, golden.tensor('mask').data);
  await program.run(['begin', 1]);
  const norm = golden.tensor('paper.f64.norm').data;
  const loss = golden.tensor('paper.f64.loss').data;
  const j = golden.tensor('paper.f64.j').data;
  for (let step = 0; step < 5; step++) {
    const before = slots(await program.read(frame.state), 'SLOT_P');
    await program.run(['step', 1]);
    const after = slots(await program.read(frame.state), 'SLOT_LOSS');
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
  const found = slots(await program.read(frame.state), 'SLOT_FOUND');
  expect(found).toEqual(Array.from(golden.tensor('paper.f64.fooled').data));
  program.destroy();
});
