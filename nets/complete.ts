/** Brings a file's tensors to a plan's: biases that batch-norm takes in, biases that are not there, a single output. */
import { meanWithoutBias, twoRows, zeros } from './derived.js';
import { FAMILIES } from './families.js';
import type { ConvLayer, LinearLayer } from './layers.js';
import type { Entries, Entry } from './names.js';
import type { NetSpec } from './spec.js';

export interface Completed {
  readonly spec: NetSpec;
  readonly tensors: Map<string, Entry>;
  /** What was done, for the user. */
  readonly notes: readonly string[];
}

/** Exact rewritings only: the function is that of the file. */
export function complete(spec: NetSpec, entries: Entries): Completed {
  const tensors = new Map(entries);
  const notes: string[] = [];
  const layers = FAMILIES[spec.family].layers(spec);
  const convs = layers.filter((layer): layer is ConvLayer => layer.kind === 'conv');
  const linears = layers.filter((layer): layer is LinearLayer => layer.kind === 'linear');
  foldBiases(convs, tensors, notes);
  // One that is missing alone is a damaged file's, but for pre-activation nets, where batch-norm took the others in.
  const biased = convs.filter(({ bias }) => bias);
  const lacking = withoutBias(biased, tensors);
  if (spec.convBias || (spec.batchNorm && lacking.length === biased.length)) fillZeros(lacking, tensors);
  if (withoutBias(linears, tensors).length === linears.length) {
    fillZeros(linears, tensors);
    notes.push('the head has no bias');
  }
  if (spec.classes > 1) return { spec, tensors, notes };
  const last = linears.at(-1)!;
  for (const part of ['weight', 'bias']) {
    const name = `${last.name}.${part}`;
    const entry = tensors.get(name);
    if (entry) tensors.set(name, { ...entry, tensor: twoRows(entry.tensor) });
  }
  notes.push('one output: two classes by its sigmoid, class 1 where the output is above 0');
  return { spec: { ...spec, classes: 2 }, tensors, notes };
}

function foldBiases(convs: readonly ConvLayer[], tensors: Map<string, Entry>, notes: string[]): void {
  let folded = 0;
  for (const { name, norm, bias: kept } of convs) {
    const bias = tensors.get(`${name}.bias`);
    const mean = tensors.get(`${norm}.running_mean`);
    if (kept || !bias || !mean || bias.tensor.shape.join() !== mean.tensor.shape.join()) continue;
    tensors.set(`${norm}.running_mean`, { ...mean, tensor: meanWithoutBias(mean.tensor, bias.tensor) });
    tensors.delete(`${name}.bias`);
    folded++;
  }
  if (folded > 0) notes.push(`biases of ${folded} convolutions folded into the batch-norm behind them`);
}

function withoutBias(layers: readonly (ConvLayer | LinearLayer)[], tensors: ReadonlyMap<string, Entry>) {
  return layers.filter(({ name }) => tensors.has(`${name}.weight`) && !tensors.has(`${name}.bias`));
}

function fillZeros(layers: readonly (ConvLayer | LinearLayer)[], tensors: Map<string, Entry>): void {
  for (const { name, outputs } of layers) {
    tensors.set(`${name}.bias`, { name: `${name}.bias`, tensor: zeros([outputs]) });
  }
}
