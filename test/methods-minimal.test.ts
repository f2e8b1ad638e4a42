/** What the rows of test/methods/ cannot say of the minimal methods. */
import { beforeAll, expect, it } from 'vitest';
import { createClassifier } from '../attack/classifier.js';
import { attackSettings, feed, traceAttack } from '../attack/driver.js';
import { OWN_SLOTS } from '../attack/kernels.js';
import { predictions } from '../attack/logits.js';
import type { Engine } from '../engine/engine.js';
import type { Model } from '../nets/model.js';
import { BATCH, ELEMENTS, fixtureModel, images, PIXELS, runMethod } from './methods/fixture.js';
import { testEngine } from './support/device.js';

let engine: Engine;
let model: Model;
let labels: Uint32Array;

beforeAll(async () => {
  engine = await testEngine();
  model = fixtureModel();
  const classifier = await createClassifier(engine, model, BATCH);
  labels = predictions(await classifier.run(images()), 10);
  classifier.destroy();
});

it('sdf halves the line back to the clean image', async () => {
  // Steps far past the boundary leave the line something to give back.
  const options = { method: 'sdf', iterations: 6, candidates: 3, overshoot: 1, rounding: 'end' };
  const long = await runMethod(engine, model, { ...options, search: 0 }, labels);
  const short = await runMethod(engine, model, { ...options, search: 6 }, labels);
  for (let image = 0; image < BATCH; image++) {
    expect(short.float[image]!.l2).toBeLessThan(long.float[image]!.l2);
    // 6 looks at the line, each with one propagation.
    expect(short.forwards[image]).toBe(long.forwards[image]! + 6);
    expect(short.backwards[image]).toBe(long.backwards[image]);
  }
});

it('deepfool spends nothing on images that fool already', async () => {
  const options = { method: 'deepfool', candidates: 3, rounding: 'end' };
  const few = await runMethod(engine, model, { ...options, iterations: 6 }, labels);
  const many = await runMethod(engine, model, { ...options, iterations: 12 }, labels);
  expect(few.float).not.toContain(null);
  expect(many.forwards).toEqual(few.forwards);
  expect(many.backwards).toEqual(few.backwards);
  expect(many.trace).toEqual(few.trace);
  expect(Math.max(...few.forwards)).toBeLessThan(7);
});

it('fab goes to the corner of the box where no point of it is on the boundary', async () => {
  const pixel = 500;
  const mask = new Float32Array(PIXELS);
  mask[pixel] = 1;
  for (const norm of ['l2', 'linf']) {
    const { method, settings } = attackSettings(
      { method: 'fab', norm, iterations: 1, candidates: 2, eta: 1, beta: 1, region: 'file:mask.png' },
      model.spec,
    );
    const { frame } = traceAttack(model, method, settings, BATCH);
    const program = await engine.compile(frame.graph);
    feed(program, frame, settings, images(), labels);
    program.write(frame.givenMask, mask);
    await program.run(['explain', 1], ['begin', 1], ['start', 1], ['step', 1]);
    const iterate = await program.read(frame.iterate);
    program.destroy();
    // One pixel does not reach the boundary in most of the images.
    const corners = Array.from({ length: BATCH }, (_, image) =>
      [0, 1, 2].every((channel) => [0, 1].includes(iterate[image * ELEMENTS + channel * PIXELS + pixel]!)),
    );
    expect(corners.filter(Boolean).length, norm).toBeGreaterThanOrEqual(3);
  }
});

it('fab starts each target from the clean image, and again from random points of half the radius', async () => {
  for (const [norm, startRadius] of [
    ['l2', 0.5],
    ['linf', 0.1],
  ] as const) {
    const { method, settings } = attackSettings(
      { method: 'fab', norm, targets: 2, restarts: 2, startRadius },
      model.spec,
    );
    const { frame } = traceAttack(model, method, settings, BATCH);
    const program = await engine.compile(frame.graph);
    feed(program, frame, settings, images(), labels);
    await program.run(['explain', 1], ['begin', 1]);
    const x = images();
    const aims: number[] = [];
    const away: number[] = [];
    for (let run = 0; run < 4; run++) {
      await program.run(['start', 1]);
      const state = await program.read(frame.state);
      aims.push(state[OWN_SLOTS + method.slots.indexOf('AIM')]!);
      const iterate = await program.read(frame.iterate);
      const moved = Array.from(iterate.subarray(0, ELEMENTS), (v, e) => Math.abs(v - x[e]!));
      away.push(norm === 'l2' ? Math.hypot(...moved) : Math.max(...moved));
    }
    program.destroy();
    expect(aims).toEqual([0, 0, 1, 1]);
    expect([away[0], away[2]]).toEqual([0, 0]);
    for (const distance of [away[1]!, away[3]!]) {
      // The box takes a little of it.
      expect(distance).toBeLessThanOrEqual((startRadius / 2) * 1.0001);
      expect(distance).toBeGreaterThan((startRadius / 2) * 0.9);
    }
  }
});
