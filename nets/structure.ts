/**
 * Ordinary nets under other names: the layers of a file are matched by order, shape and role, and given the names that the
 * readers know. Nothing is guessed: a file that the grammar of a family does not use up layer by layer does not match.
 */
import { findHead, headNames, renamed } from './heads.js';
import { type Entries, type Entry, naturalOrder } from './names.js';
import { ARCHITECTURES } from './spec.js';
import { type Block, type Conv, parseBlocks } from './structure-blocks.js';
import { vggPositions } from './vgg.js';

interface Norm {
  readonly path: string;
  readonly channels: number;
}

interface Layers {
  readonly convs: readonly Conv[];
  readonly norms: readonly Norm[];
}

/** From the names of layers in the file to those that the readers know. */
type Renaming = Map<string, string>;

/** The entries under known names; undefined where the file has the structure of no family. */
export function matchStructure(entries: Entries): Entries | undefined {
  const layers = layersOf(ordered(entries));
  if (layers?.convs[0]?.inputs !== 3) return undefined;
  const renaming = matchVgg(layers, entries) ?? matchResNet(layers, entries);
  if (!renaming) return undefined;
  return new Map([...entries].map(([name, entry]): [string, Entry] => [renamed(name, renaming), entry]));
}

/**
 * The file's own order is the order of the layers, unless its writer sorted by name: then names by the value of their numbers,
 * the first convolution first.
 */
function ordered(entries: Entries): [string, Entry][] {
  const all = [...entries];
  const layers = all.map(([name]) => layerOf(name));
  const sorted = layers.every((layer, k) => k === 0 || layers[k - 1]! <= layer);
  if (!sorted) return all;
  const isStem = ([, { tensor }]: [string, Entry]) => tensor.shape.length === 4 && tensor.shape[1] === 3;
  return all.sort((a, b) => Number(isStem(b)) - Number(isStem(a)) || naturalOrder(a[0], b[0]));
}

function layersOf(all: readonly [string, Entry][]): Layers | undefined {
  const convs: Conv[] = [];
  const norms: Norm[] = [];
  for (const [name, { tensor }] of all) {
    const path = layerOf(name);
    const [outputs = 0, inputs = 0, height = 0, width = 0] = tensor.shape;
    if (name.endsWith('.weight') && tensor.shape.length === 4) {
      if (height !== width || height % 2 === 0) return undefined;
      convs.push({ path, outputs, inputs, kernel: height });
    } else if (name.endsWith('.running_mean')) norms.push({ path, channels: outputs });
  }
  return { convs, norms };
}

/** VGG: 3x3 convolutions in the numbers and widths of a known depth. Its pools have no tensors, so other depths do not show where they are. */
function matchVgg({ convs, norms }: Layers, entries: Entries): Renaming | undefined {
  if (!convs.every(({ kernel }) => kernel === 3)) return undefined;
  // Known names tell the pools by their numbers, and whether batch-norm is missing.
  if (convs.every(({ path }) => /^features\.\d+$/.test(path))) return undefined;
  if (!convs.every(({ inputs }, k) => k === 0 || inputs === convs[k - 1]!.outputs)) return undefined;
  const normed = norms.length > 0;
  if (normed && norms.some(({ channels }, k) => channels !== convs[k]?.outputs)) return undefined;
  if (normed && norms.length !== convs.length) return undefined;
  const known = [...ARCHITECTURES.values()].find(
    ({ family, stages, batchNorm }) => family === 'vgg' && batchNorm === normed && hasStages(convs, stages),
  );
  const head = findHead(entries, convs.at(-1)!.outputs);
  if (!known || !head) return undefined;
  const positions = vggPositions(known.stages, normed).flat();
  return new Map([
    ...convs.map(({ path }, k): [string, string] => [path, `features.${positions[k]}`]),
    ...norms.map(({ path }, k): [string, string] => [path, `features.${positions[k]! + 1}`]),
    ...headNames(head, 'classifier'),
  ]);
}

/** One width in each stage. */
function hasStages(convs: readonly Conv[], stages: readonly number[]): boolean {
  if (convs.length !== stages.reduce((sum, count) => sum + count, 0)) return false;
  let next = 0;
  return stages.every((count) => {
    const widths = new Set(convs.slice(next, next + count).map(({ outputs }) => outputs));
    next += count;
    return widths.size === 1;
  });
}

function matchResNet({ convs, norms }: Layers, entries: Entries): Renaming | undefined {
  const stem = convs[0]!;
  const blocks = parseBlocks(convs.slice(1), stem.outputs);
  const head = blocks && findHead(entries, blocks.at(-1)!.outputs);
  if (!blocks || !head) return undefined;
  const names = blockNames(blocks);
  if (!names) return undefined;
  const renaming: Renaming = new Map([[stem.path, 'conv1'], ...headNames(head, 'fc')]);
  const left = new Set(norms);
  const matched = blocks.map((block, k) =>
    matchNorms(
      block,
      norms.filter(({ path }) => under(path, names[k]!)),
    ),
  );
  if (matched.includes(undefined)) return undefined;
  const all = matched as MatchedBlock[];
  const pre = all.every((block) => block.pre) && !all.every((block) => block.post);
  if (!pre && !all.every((block) => block.post)) return undefined;
  for (const [k, { block, branch, shortcut }] of all.entries()) {
    const at = positionOf(blocks, k);
    for (const [i, { path }] of block.branch.entries()) renaming.set(path, `${at}.conv${i + 1}`);
    for (const [i, norm] of branch.entries()) renaming.set(norm.path, `${at}.bn${i + 1}`);
    if (block.shortcut) renaming.set(block.shortcut.path, `${at}.downsample.0`);
    if (shortcut) renaming.set(shortcut.path, `${at}.downsample.1`);
    for (const norm of [...branch, ...(shortcut ? [shortcut] : [])]) left.delete(norm);
    if (!pre && (block.shortcut === undefined) !== (shortcut === undefined)) return undefined;
    if (pre && shortcut) return undefined;
  }
  const outside = [...left];
  const wanted = pre ? blocks.at(-1)!.outputs : stem.outputs;
  if (outside.length > 1 || (!pre && outside.length === 0)) return undefined;
  if (outside.some(({ channels }) => channels !== wanted)) return undefined;
  for (const norm of outside) renaming.set(norm.path, pre ? 'bn' : 'bn1');
  return renaming;
}

/** `layer2.0` for the first block of the second stage: a stage ends where the channels change. */
function positionOf(blocks: readonly Block[], index: number): string {
  let stage = 1;
  let within = 0;
  for (let k = 1; k <= index; k++) {
    const changes = blocks[k]!.outputs !== blocks[k - 1]!.outputs;
    stage += Number(changes);
    within = changes ? 0 : within + 1;
  }
  return `layer${stage}.${within}`;
}

/**
 * What the names of a block's layers begin with. Undefined where blocks cannot be told apart by name, or where the names
 * group blocks otherwise than the channels do: then the strides cannot be told.
 */
function blockNames(blocks: readonly Block[]): string[] | undefined {
  const paths = blocks.map(({ branch, shortcut }) =>
    [...branch, ...(shortcut ? [shortcut] : [])].map(({ path }) => path),
  );
  const names = shortestApart(paths.map(commonPath));
  const apart = names.every(
    (name, k) =>
      name !== '' && paths.every((other, j) => j === k || !other.some((path) => under(path, name))),
  );
  if (!apart) return undefined;
  const parents = names.map((name) => parentOf(name));
  if (new Set(parents).size > 1) {
    for (let k = 1; k < blocks.length; k++) {
      const widens = blocks[k]!.outputs !== blocks[k - 1]!.outputs;
      if (widens !== (parents[k] !== parents[k - 1])) return undefined;
    }
  }
  return names;
}

/** The names cut to as few parts as tell them apart: a branch alone may be nested deeper than a block. */
function shortestApart(names: readonly string[]): string[] {
  const parts = names.map((name) => name.split('.'));
  const deepest = Math.min(...parts.map((part) => part.length));
  for (let depth = 1; depth <= deepest; depth++) {
    const cut = parts.map((part) => part.slice(0, depth).join('.'));
    if (new Set(cut).size === cut.length) return cut;
  }
  return [...names];
}

interface MatchedBlock {
  readonly block: Block;
  readonly branch: readonly Norm[];
  readonly shortcut?: Norm;
  /** Whether the batch-norms have the channels of the convolutions' outputs, and of their inputs. */
  readonly post: boolean;
  readonly pre: boolean;
}

const SHORTCUT = /short|down|proj|skip|identity/i;

function matchNorms(block: Block, norms: readonly Norm[]): MatchedBlock | undefined {
  const extra = norms.length - block.branch.length;
  const { shortcut: projection } = block;
  let shortcut: Norm | undefined;
  if (extra === 1 && projection) {
    const beside = norms.filter(
      ({ path }) =>
        parentOf(path) === parentOf(projection.path) &&
        !block.branch.some((conv) => parentOf(conv.path) === parentOf(path)),
    );
    const named = norms.filter(({ path }) => SHORTCUT.test(path));
    const found = beside.length === 1 ? beside : named;
    if (found.length !== 1) return undefined;
    shortcut = found[0]!;
    if (shortcut.channels !== projection.outputs) return undefined;
  } else if (extra !== 0) return undefined;
  const branch = norms.filter((norm) => norm !== shortcut);
  return {
    block,
    branch,
    ...(shortcut ? { shortcut } : {}),
    post: branch.every(({ channels }, k) => channels === block.branch[k]!.outputs),
    pre: branch.every(({ channels }, k) => channels === block.branch[k]!.inputs),
  };
}

function layerOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.')));
}

function under(path: string, name: string): boolean {
  return path.startsWith(`${name}.`);
}

function commonPath(paths: readonly string[]): string {
  const parts = paths.map((path) => path.split('.').slice(0, -1));
  let shared = 0;
  while (parts.every((part) => part[shared] !== undefined && part[shared] === parts[0]![shared])) shared++;
  return parts[0]!.slice(0, shared).join('.');
}
