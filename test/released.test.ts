/** What destroyed programs and closed engines leave behind: nothing. In processes of their own, where memory can be told apart. */
import { expect, test } from 'vitest';
import { runProgram } from './adapter-process.js';

const COMMON = `
import { readFileSync } from 'node:fs';
import { createEngine } from './node/engine.js';
import { Graph } from './engine/graph.js';

/** A matrix of 1 MB and a bias. */
function net() {
  const graph = new Graph();
  const x = graph.input('x', [1, 512]);
  const weight = graph.constant('weight', [512, 512], new Float32Array(512 * 512).fill(0.01));
  graph.procedure('main', () => ({ y: graph.linear(x, weight) }));
  return graph;
}

async function settle() {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    (globalThis as { gc?: () => void }).gc!();
  }
}
`;

function measure<T>(name: string, program: string): T {
  const { exitCode, stdout, stderr } = runProgram(name, COMMON + program, {
    // One arena, trimmed at once: resident memory is then what is in use.
    env: { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '65536' },
    timeout: 100_000,
    flags: ['--expose-gc'],
  });
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

test('200 programs compiled and destroyed leave no memory behind', () => {
  const { buffers, resident, kept } = measure<{
    buffers: readonly number[];
    resident: readonly number[];
    kept: number;
  }>(
    'released-programs',
    `
let kept = 0;
const collected = new FinalizationRegistry(() => kept--);
const engine = await createEngine({ log: () => {} });
async function rounds(count: number) {
  for (let i = 0; i < count; i++) {
    const program = await engine.compile(net());
    collected.register(program, 0);
    kept++;
    program.destroy();
    if (i % 20 === 19) await settle();
  }
  await settle();
}
// Until the allocators of the driver and of Dawn have reached their size.
await rounds(400);
const at = () => [process.memoryUsage().arrayBuffers, process.memoryUsage().rss];
const before = at();
await rounds(200);
const after = at();
engine.close();
console.log(JSON.stringify({ buffers: [before[0], after[0]], resident: [before[1], after[1]], kept }));
`,
  );
  // Of 200 MB of weights.
  expect(buffers[1]! - buffers[0]!).toBeLessThan(2e6);
  expect(resident[1]!).toBeLessThan(resident[0]! * 1.01);
  expect(kept).toBeLessThan(3);
});

test.skipIf(process.platform !== 'linux')(
  'closed engines are collected, with their threads and their programs',
  () => {
    const { threads, kept } = measure<{ threads: readonly number[]; kept: number }>(
      'released-engines',
      `
let kept = 0;
const collected = new FinalizationRegistry(() => kept--);
const threads = () => Number(/Threads:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
async function once() {
  const engine = await createEngine({ log: () => {} });
  collected.register(engine, 0);
  kept++;
  const program = await engine.compile(net());
  await program.run(['main', 1]);
  engine.close();
}
await once();
await settle();
const before = threads();
for (let i = 0; i < 8; i++) {
  await once();
  await settle();
}
console.log(JSON.stringify({ threads: [before, threads()], kept }));
`,
    );
    expect(kept).toBeLessThan(2);
    // Each device has five of its own.
    expect(threads[1]! - threads[0]!).toBeLessThan(5);
  },
);
