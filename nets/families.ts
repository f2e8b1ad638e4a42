/** The builders by family, and what follows from a spec alone. */
import type { Shape, Tensor } from '../engine/graph.js';
import { type Layer, layerShapes, type NetOutputs, type Trace } from './layers.js';
import { preactLayers, tracePreact } from './preact.js';
import { resnetLayers, traceResnet } from './resnet.js';
import type { Family, NetSpec } from './spec.js';
import { traceVgg, vggLayers } from './vgg.js';

interface Builder {
  /** Every layer that holds tensors, in forward order. */
  layers(spec: NetSpec): Layer[];
  trace(trace: Trace, spec: NetSpec, x: Tensor): NetOutputs;
}

const resnet: Builder = { layers: resnetLayers, trace: traceResnet };

export const FAMILIES: Readonly<Record<Family, Builder>> = {
  vgg: { layers: vggLayers, trace: traceVgg },
  resnet,
  'resnet-cifar': resnet,
  preact: { layers: preactLayers, trace: tracePreact },
};

/**
 * Name and shape of every tensor of a net, in forward order, under the names that `recognise` gives: torchvision's, and for
 * `resnet-cifar` and `preact` `linear` and `shortcut`. All but `*.running_mean` and `*.running_var` are what a trainer learns.
 */
export function parameterNames(spec: NetSpec): Map<string, Shape> {
  return new Map(FAMILIES[spec.family].layers(spec).flatMap(layerShapes));
}
