/** The benchmark's own logic: which nets and kernels it times, and what it makes of a profile. Nothing here is timed. */
import { expect, test } from 'vitest';
import { UserError } from '../base/errors.js';
import { kernelCases } from '../bench/kernels.js';
import { benchModel, DEFAULT_NETS, traceSteps } from '../bench/nets.js';
import { groupProfile, traceEvents } from '../bench/profile.js';
import { shippedNet } from '../bench/start.js';
import { ops } from '../engine/ops/index.js';
import { stepKey, trialGraph } from '../engine/trial.js';
import { testEngine } from './support/device.js';

/** Made up: nanoseconds, 2 operations a nanosecond in the convolutions. */
const rows = [
  { label: 'relu', op: 'relu', flops: 0, start: 0, duration: 1_000_000 },
  { label: 'conv2d/naive', op: 'conv2d', flops: 4_000_000, start: 1_000_000, duration: 2_000_000 },
  { label: 'relu', op: 'relu', flops: 0, start: 3_000_000, duration: 0 },
  { label: 'conv2d/naive', op: 'conv2d', flops: 10_000_000, start: 3_500_000, duration: 5_000_000 },
];

test('a profile is grouped by kernel, slowest first, with its share and speed', () => {
  expect(groupProfile(rows)).toEqual([
    { label: 'conv2d/naive', calls: 2, ms: 7, share: 7 / 8, gflops: 2 },
    { label: 'relu', calls: 2, ms: 1, share: 1 / 8, gflops: 0 },
  ]);
  expect(groupProfile([])).toEqual([]);
  expect(groupProfile([{ ...rows[1]!, duration: 0 }])[0]!.gflops).toBe(0);
});

test('a convolution and its gradients count the same multiply-adds', () => {
  const [x, weight, y] = [
    [2, 3, 8, 8],
    [5, 3, 3, 3],
    [2, 5, 8, 8],
  ];
  const attributes = {} as never;
  const flops = 2 * 2 * 5 * 8 * 8 * 3 * 3 * 3;
  expect(ops.conv2d!.flops(attributes, [x!, weight!], y!)).toBe(flops);
  // The input gradient at stride 1 is a convolution of the rotated weights, [out, in, 3, 3] with the roles of its channels exchanged.
  expect(ops.conv2d!.flops(attributes, [y!, weight!], x!)).toBe(flops);
  expect(ops.conv2dInputGradient!.flops(attributes, [y!, weight!], x!)).toBe(flops);
  expect(ops.conv2dWeightGradient!.flops(attributes, [x!, y!], weight!)).toBe(flops);
});

test('a trace has one complete event per dispatch, in microseconds', () => {
  const { traceEvents: events } = JSON.parse(traceEvents('a net', rows)) as { traceEvents: object[] };
  expect(events).toHaveLength(1 + rows.length);
  expect(events[0]).toMatchObject({ ph: 'M', name: 'process_name', args: { name: 'a net' } });
  expect(events[2]).toEqual({
    name: 'conv2d/naive',
    cat: 'conv2d',
    ph: 'X',
    ts: 1000,
    dur: 2000,
    pid: 1,
    tid: 1,
    args: { flops: 4_000_000, gflops: 2 },
  });
  expect(events[3]).toMatchObject({ dur: 0, args: { gflops: 0 } });
});

test('a net is named with its form', () => {
  expect(benchModel('resnet20')).toMatchObject({ name: 'resnet20', spec: { form: 'cifar', inputSize: 32 } });
  expect(benchModel('resnet18@32').spec).toMatchObject({ arch: 'resnet18', form: 'cifar' });
  expect(benchModel('resnet18@224').spec).toMatchObject({ form: 'imagenet', inputSize: 224 });
});

test('the start is timed with a net that ships, of the same form', () => {
  expect(shippedNet(benchModel('resnet18'))).toBe('resnet18-cifar10');
  expect(shippedNet(benchModel('vgg11_bn'))).toBe('vgg11_bn-cifar10');
  expect(shippedNet(benchModel('vgg11'))).toBeUndefined();
  expect(shippedNet(benchModel('resnet20'))).toBeUndefined();
  expect(shippedNet(benchModel('resnet18@224'))).toBeUndefined();
});

test.each(['', 'resnet19', '@224', 'resnet18@', 'resnet18@64', 'resnet18@224@32'])(
  'net "%s" is refused',
  (name) => {
    expect(() => benchModel(name)).toThrow(UserError);
    expect(() => benchModel(name)).toThrow(`--net: expected NAME or NAME@224`);
    expect(() => benchModel(name)).toThrow(`got "${name}"`);
  },
);

test('every op of the ops table is timed, whatever the nets, and none twice', async () => {
  const engine = await testEngine();
  for (const nets of [DEFAULT_NETS, []]) {
    const graphs = nets.map((name) => traceSteps(benchModel(name), 1).graph);
    const cases = kernelCases(engine, graphs);
    const timed = new Set(cases.map(({ op }) => op));
    // A reshape computes nothing.
    expect(Object.keys(ops).filter((op) => !timed.has(op as keyof typeof ops))).toEqual(['reshape']);
    expect(new Set(cases.map(stepKey)).size).toBe(cases.length);
  }
});

test('every op is timed on values that it gives numbers for', async () => {
  const engine = await testEngine();
  // Of the ops that no net has: the nets' own are the goldens' matter. The slowest is as good small.
  const cases = kernelCases(engine, []).filter(({ op }) => op !== 'conv2dWeightGradient');
  for (const step of cases) {
    const trial = trialGraph(step);
    const program = await engine.compile(trial.graph);
    trial.fill(program);
    await program.run(['main', 1]);
    const output = await program.read(trial.output);
    program.destroy();
    expect([step.op, output.every(Number.isFinite)]).toEqual([step.op, true]);
  }
});
