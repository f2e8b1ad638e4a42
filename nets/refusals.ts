/** Nets that are known and not supported, each refused by its own name instead of a list of tensors. */
import { UserError } from '../base/errors.js';
import type { Entries } from './names.js';

interface Refusal {
  readonly what: string;
  matches(entries: Entries): boolean;
}

const names = (entries: Entries, pattern: RegExp) => [...entries.keys()].filter((name) => pattern.test(name));
const convolutions = (entries: Entries) =>
  [...entries].filter(([, { tensor }]) => tensor.shape.length === 4).map(([, { tensor }]) => tensor.shape);

const REFUSALS: readonly Refusal[] = [
  {
    what: 'a quantised net: quantised weights are not supported; save the float net',
    matches: (entries) => names(entries, /(?:_packed_params|\.zero_point$|fake_quant)/).length > 0,
  },
  {
    what: 'weight normalisation or spectral normalisation (weight_g, weight_v, weight_u, parametrizations): not supported; remove it before saving (torch.nn.utils.remove_weight_norm, remove_parametrizations)',
    matches: (entries) => names(entries, /(?:\.weight_[guv]$|\.parametrizations\.)/).length > 0,
  },
  {
    what: 'a pruned net of which only the mask or the original weight is there: make it permanent before saving (torch.nn.utils.prune.remove)',
    matches: (entries) => names(entries, /_(?:orig|mask)$/).length > 0,
  },
  {
    what: 'a transformer (attention layers): not supported; VGGs and ResNets are',
    matches: (entries) =>
      names(entries, /(?:cls_token|pos_embed|\.attn\.|\.attention\.|relative_position)/).length > 0,
  },
  {
    what: 'SENet: squeeze-and-excitation blocks are not supported',
    matches: (entries) =>
      names(
        entries,
        /\.(?:se|se_module|se_layer|squeeze|excitation)\.(?:.*\.)?(?:fc|fc1|conv1|conv_reduce|\d+)\./,
      ).length > 0 ||
      (names(entries, /\d\.fc1\.weight$/).length > 0 && names(entries, /\d\.conv2\.weight$/).length > 0),
  },
  {
    what: "DeepMind's wide ResNet (swish or other activations, uneven padding): not supported",
    matches: (entries) => names(entries, /(?:^|\.)batchnorm_0\./).length > 0,
  },
  {
    what: 'DenseNet: not supported; VGGs and ResNets are',
    matches: (entries) => names(entries, /(?:denseblock|dense\d+\.\d+\.)/).length > 0,
  },
  {
    what: 'ResNet-D: deep stem and pooled shortcuts are not supported',
    matches: (entries) =>
      names(entries, /(?:^|\.)conv1\.[036]\.weight$/).length > 1 ||
      names(entries, /(?:downsample|shortcut)\.[12]\.weight$/).some(
        (name) => entries.get(name)?.tensor.shape.length === 4,
      ),
  },
  {
    what: 'a grayscale net (its first convolution takes 1 channel): images here have 3 colours; sum or repeat its weights over 3 channels before saving',
    matches: (entries) => {
      const inputs = convolutions(entries).flatMap(([, channels, kernel]) => (kernel! > 1 ? [channels] : []));
      return inputs.filter((channels) => channels === 1).length === 1 && !inputs.includes(3);
    },
  },
  {
    what: 'grouped or depthwise convolutions (ResNeXt, MobileNet, EfficientNet): groups are not supported',
    matches: isGrouped,
  },
  {
    what: 'normalisation without running statistics (GroupNorm, LayerNorm or InstanceNorm, or track_running_stats=False): only batch-norm is supported',
    matches: (entries) =>
      names(entries, /\.running_mean$/).length === 0 &&
      names(entries, /(?:^|\.)(?:bn|gn|norm)\d?\.weight$/).some(
        (name) => entries.get(name)?.tensor.shape.length === 1,
      ),
  },
];

/**
 * A bottleneck's 3x3, or a depthwise convolution, that sees fewer channels than the 1x1 before it gives; a projection in front of
 * its branch takes what the branch takes.
 */
function isGrouped(entries: Entries): boolean {
  const shapes = convolutions(entries);
  return shapes.some(([outputs, inputs, kernel], k) => {
    const [given, taken, size] = shapes[k - 1] ?? [];
    if (kernel! < 2 || given === undefined) return false;
    if (inputs === 1) return true;
    return size === 1 && given === outputs && inputs! < given && given % inputs! === 0 && inputs !== taken;
  });
}

/** @throws UserError that names what the net is */
export function refuseByName(entries: Entries, source: string): void {
  const refusal = REFUSALS.find((candidate) => candidate.matches(entries));
  if (refusal) throw new UserError(`${source}: ${refusal.what}`);
}
