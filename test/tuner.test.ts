/** The tuner on one convolution and one product: what it keeps, that choices are obeyed, and the table's file. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../engine/engine.js';
import { Graph, type Tensor } from '../engine/graph.js';
import { variantsOfTrial } from '../engine/trial.js';
import {
  chooseFrom,
  chooseNamed,
  emptyTable,
  TUNING_VERSION,
  type TuneProgress,
  type TuningTable,
  tune,
  uniqueSteps,
} from '../engine/tuner.js';
import { loadTuning, saveTuning } from '../node/tuning.js';
import { expectClose } from './support/compare.js';
import { ownEngine } from './support/device.js';
import { Random } from './support/random.js';

const random = new Random(5);
const pixels = random.normalArray(2 * 8 * 6 * 6);
const convWeight = random.normalArray(8 * 8);
const linearWeight = random.normalArray(4 * 8);

/** A 1x1 convolution and a linear layer, behind each other: one problem with variants each, and one op without any. */
function traced(): { graph: Graph; x: Tensor; y: Tensor } {
  const graph = new Graph();
  const x = graph.input('x', [2, 8, 6, 6]);
  let y: Tensor | undefined;
  graph.procedure('main', () => {
    const map = graph.conv2d(x, graph.constant('conv', [8, 8, 1, 1], convWeight));
    y = graph.linear(graph.globalAvgPool(map), graph.constant('linear', [4, 8], linearWeight));
    return { y };
  });
  return { graph, x, y: y! };
}

let engine: Engine;
let folder: string;
let table: TuningTable;
/** The f32 variants of each problem that has a choice. */
let problems: ReadonlyMap<string, readonly string[]>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cfr-tuning-'));
  engine = await ownEngine({});
  problems = new Map(
    uniqueSteps(engine, traced().graph)
      .map((step) => variantsOfTrial(engine, step))
      .flatMap(({ key, names }) => (key !== undefined && names.length > 1 ? [[key, names] as const] : [])),
  );
  table = await tune(engine, traced().graph, emptyTable(engine.adapter), { milliseconds: 1 });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('tune', () => {
  test('names a supported f32 variant for each problem that has a choice, and for no other', () => {
    expect([...problems.keys()].map((key) => key.split(' ')[0])).toEqual(['conv2d', 'matmul']);
    expect(new Set(Object.keys(table.choices))).toEqual(new Set(problems.keys()));
    for (const [key, names] of problems) expect(names).toContain(table.choices[key]);
    expect(table).toMatchObject({ version: TUNING_VERSION, adapter: emptyTable(engine.adapter).adapter });
  });

  test('on a CPU adapter leaves out what is made for GPUs', () => {
    const tiled = [...problems.values()].flat().filter((name) => name.startsWith('tiled'));
    expect(tiled.length > 0).toBe(!engine.traits.software);
  });

  test('times only what the table does not know', async () => {
    const progress: TuneProgress[] = [];
    const onProgress = (at: TuneProgress) => void progress.push(at);
    expect(await tune(engine, traced().graph, table, { onProgress, milliseconds: 1 })).toEqual(table);
    expect(progress).toEqual([]);
    const [known, unknown] = [...problems.keys()] as [string, string];
    // No variant has this name, so a choice that was timed again would show.
    const half = { ...table, choices: { [known]: 'kept' } };
    const whole = await tune(engine, traced().graph, half, { onProgress, milliseconds: 1 });
    expect(progress).toEqual([{ done: 0, total: 1, label: 'matmul 2x4' }]);
    expect(whole.choices[known]).toBe('kept');
    expect(problems.get(unknown)).toContain(whole.choices[unknown]);
    expect(half.choices).toEqual({ [known]: 'kept' });
  });
});

describe('choices', () => {
  /** The kernels that ran, `op/variant`, and the result. */
  async function run(choices: TuningTable['choices'] | undefined) {
    const { graph, x, y } = traced();
    const program = await engine.compile(graph, choices && chooseFrom({ ...table, choices }));
    try {
      program.write(x, pixels);
      program.poison();
      await program.run(['main', 1]);
      const kernels = program.dispatches('main').map(({ op, label }) => `${op}/${label.split('/')[1]}`);
      return { kernels: new Set(kernels), y: await program.read(y) };
    } finally {
      program.destroy();
    }
  }

  test('of a table are obeyed, whichever they are; the results agree', async () => {
    const reference = await run(Object.fromEntries([...problems.keys()].map((key) => [key, 'naive'])));
    const candidates = [
      table.choices,
      ...[...problems].flatMap(([key, names]) => names.map((name) => ({ [key]: name }))),
    ];
    for (const choices of candidates) {
      const { kernels, y } = await run(choices);
      for (const [key, name] of Object.entries(choices)) {
        const op = key.split(' ')[0]!;
        expect([...kernels].filter((kernel) => kernel.startsWith(`${op}/`))).toContain(`${op}/${name}`);
      }
      expectClose(y, reference.y, { nmse: 1e-10 });
    }
  });

  test('that no longer exist leave the built-in ones', async () => {
    const builtIn = await run(undefined);
    const unknown = await run(Object.fromEntries([...problems.keys()].map((key) => [key, 'no-such'])));
    expect(unknown.kernels).toEqual(builtIn.kernels);
    expect(unknown.y).toEqual(builtIn.y);
  });

  test('by name pass over a variant that does not support the problem', () => {
    const variant = (name: string, supported: boolean) => ({ name, supports: () => supported, lower() {} });
    const variants = [variant('able', true), variant('unable', false)];
    const choose = (name: string) => chooseNamed(name)('op', {}, variants, engine.traits)?.name;
    expect([choose('able'), choose('unable'), choose('absent')]).toEqual(['able', undefined, undefined]);
  });
});

describe('the file of a table', () => {
  test('comes back as it was saved, for its adapter and driver only', async () => {
    expect(await loadTuning(folder, engine.adapter)).toEqual(emptyTable(engine.adapter));
    const path = await saveTuning(folder, engine.adapter, table);
    expect(await loadTuning(folder, engine.adapter)).toEqual(table);
    expect(readdirSync(join(folder, 'tuning'))).toHaveLength(1);
    const other = { ...engine.adapter, driver: 'another driver' };
    expect(await loadTuning(folder, other)).toEqual(emptyTable(other));
    expect(readFileSync(path, 'utf8').endsWith('}\n')).toBe(true);
  });

  test.each([
    ['damaged', (text: string) => text.slice(0, -10)],
    ['of another version', (text: string) => text.replace(/"version": \d+/, '"version": 0')],
    ['of another adapter', (text: string) => text.replace(/"adapter": "/, '"adapter": "not ')],
    ['without choices', (text: string) => text.replace('"choices"', '"chosen"')],
    ['with null for choices', () => JSON.stringify({ ...table, choices: null })],
    ['that holds null', () => 'null'],
  ])('%s is an empty table', async (_, damage) => {
    const path = await saveTuning(folder, engine.adapter, table);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, damage(text));
    expect(readFileSync(path, 'utf8')).not.toBe(text);
    expect(await loadTuning(folder, engine.adapter)).toEqual(emptyTable(engine.adapter));
  });
});
