/**
 * Holds both sides of a kernel's names to each other, for every op, every variant on its cases and every method: what a text reads in capitals it
 * declares or is given, and what it is given it reads. Nothing runs: graphs are lowered and texts expanded.
 */
import { describe, expect, test } from 'vitest';
import { attackSettings, traceAttack } from '../attack/driver.js';
import type { DeviceTraits, Dispatch, Variant } from '../engine/dispatch.js';
import { Graph } from '../engine/graph.js';
import { lowerGraph, type VariantChoice } from '../engine/lowering.js';
import type { OpAttributes } from '../engine/ops/attributes.js';
import { expandShader } from '../engine/template.js';
import { fixtureModel } from './methods/fixture.js';
import { CASES } from './methods/index.js';
import { sampleCases } from './reference/cases.js';
import type { ReferenceName } from './reference/nd.js';
import type { SampleCase } from './reference/sample-case.js';
import { cpuTraits } from './support/traits.js';

const NAME = /\b[A-Z][A-Z0-9_]*\b/g;

/** What the two sides of a dispatch don't agree on. */
function disagreements({ shader, constants, shape = {} }: Pick<Dispatch, 'shader' | 'constants' | 'shape'>) {
  const given = [...Object.keys(constants), ...Object.keys(shape)];
  // Without what the expansion puts on top.
  const code = expandShader(shader.text, constants, Object.keys(shape))
    .replace(/\/\/.*$/gm, '')
    .split('\n')
    .filter((line) => !/^struct Shape |^const \w+: (?:i32|f32|bool) = /.test(line))
    .join('\n');
  const declared = new Set(
    [...code.matchAll(/\b(?:const|let|var|alias)\b(?:<[^>]*>)?\s+(\w+)/g)].map(([, name]) => name),
  );
  const read = code.replace(/\bshape\.\w+/g, '').match(NAME) ?? [];
  const missing = read.filter((name) => !declared.has(name) && !(name in constants));
  // Directives read constants too; all branches count, or each would want a list of its own.
  const text = `${shader.text.replace(/\/\/(?!#).*$/gm, '')}\n${code}`;
  const unread = given.filter((name) => !new RegExp(`\\b${name}\\b`).test(text));
  return [
    ...new Set([
      ...missing.map((name) => `${shader.name} reads ${name}, which nobody gives`),
      ...unread.map((name) => `${shader.name} is given ${name}, which it does not read`),
    ]),
  ];
}

const { limits } = cpuTraits;
const gpu: DeviceTraits = {
  ...cpuTraits,
  software: false,
  features: new Set(['subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix']),
  limits: { ...limits, maxComputeInvocationsPerWorkgroup: 1024, maxComputeWorkgroupStorageSize: 32768 },
  subgroupSize: 32,
  subgroupMatrixConfigs: [{ componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 }],
};
const devices = {
  software: cpuTraits,
  'another software': { ...cpuTraits, features: new Set<string>(), samplesTextures: true, subgroupSize: 0 },
  gpu,
};

const known = new Set<string>();

/** The dispatches of a graph whose texts are not yet known. */
function lowered(graph: Graph, device: DeviceTraits, choose: VariantChoice): readonly Dispatch[] {
  const { procedures, preparation } = lowerGraph(graph, device, choose);
  return [...preparation, ...procedures]
    .flatMap(({ dispatches }) => dispatches)
    .filter(({ shader, constants, shape = {} }) => {
      const key = JSON.stringify([shader.text, constants, Object.keys(shape)]);
      return !known.has(key) && known.add(key);
    });
}

function graphOf<K extends ReferenceName>(op: K, { attributes, shapes }: SampleCase<K>): Graph {
  const graph = new Graph();
  const indices = (i: number) =>
    i === 1 && ['crossEntropy', 'crossEntropyGradient', 'dropout', 'gather', 'scatter'].includes(op);
  const inputs = shapes.map((shape, i) => graph.input(`${i}`, shape, indices(i) ? 'u32' : 'f32'));
  graph.procedure('main', () => ({ y: graph.op(op, attributes as OpAttributes[K], inputs) }));
  return graph;
}

describe('names of kernels', () => {
  test('that one side lacks are told', () => {
    const shader = { name: 'k', text: '//#if FLAG\nconst OWN = N;\n//#endif\nvar x = OWN + N + M; // GIVEN' };
    expect(disagreements({ shader, constants: { FLAG: true, N: 1, GIVEN: 2 }, shape: {} })).toEqual([
      'k reads M, which nobody gives',
      'k is given GIVEN, which it does not read',
    ]);
    expect(disagreements({ shader, constants: { FLAG: true, N: 1 }, shape: { M: 3 } })).toEqual([]);
  });

  test.each(Object.entries(devices))('agree in all variants of all ops: %s', (_, device) => {
    const found = new Set<string>();
    for (const op of Object.keys(sampleCases) as ReferenceName[]) {
      for (const sample of sampleCases[op]) {
        const graph = graphOf(op, sample as SampleCase<typeof op>);
        let variants: readonly Variant<never, never>[] = [];
        const chooseAt = (at: number): VariantChoice =>
          ((_op: string, problem: never, all: readonly Variant<never, never>[]) => {
            variants = all.filter((variant) => variant.supports(problem, device));
            return variants[at];
          }) as unknown as VariantChoice;
        let at = 0;
        do {
          for (const dispatch of lowered(graph, device, chooseAt(at))) {
            for (const text of disagreements(dispatch)) found.add(text);
          }
        } while (++at < variants.length);
      }
    }
    expect(known.size).toBeGreaterThan(100);
    expect([...found]).toEqual([]);
  });

  test('agree in all methods', () => {
    const model = fixtureModel();
    const found = new Set<string>();
    for (const { options } of CASES) {
      for (const aimed of [options, { ...options, target: 1 }]) {
        let traced: ReturnType<typeof traceAttack>;
        try {
          const { method, settings } = attackSettings(aimed, model.spec);
          traced = traceAttack(model, method, settings, 2);
        } catch (error) {
          // A method without a targeted form.
          expect(String(error)).toMatch(/target/);
          continue;
        }
        for (const dispatch of lowered(traced.frame.graph, cpuTraits, () => undefined))
          for (const text of disagreements(dispatch)) found.add(text);
      }
    }
    expect([...found]).toEqual([]);
  });
});
