/** Finds the state dict in an unpickled checkpoint, turns its tensors into views, and puts plain values aside as metadata. */

import { UserError } from '../base/errors.js';
import { Opaque, PyTuple, type PyValue } from '../base/pickle-values.js';
import { elementCount } from './host-tensor.js';
import { NumpyArray } from './numpy-values.js';
import type { HostTensor, StateDict } from './tensors.js';
import { TorchTensor } from './torch-globals.js';
import { TensorViews } from './torch-views.js';

/** Keys under which training scripts store the state dict, most specific first. */
const WRAPPERS = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'weights',
  'params',
  'module',
];

type Dict = Map<PyValue, PyValue>;
type Found = Pick<StateDict, 'tensors' | 'metadata'>;

/**
 * Takes the state dict out of `root`, a dict or a short tuple or list: under a usual wrapper key, or `root` itself, or the only value that looks like one; of several
 * all, each tensor's name behind its key and a dot. What holds no weights is no state dict, whatever its key.
 * `fileBytes` is the file's length, which limits what its tensors may take.
 * @throws UserError where there is none, or where it holds something that is no tensor.
 */
export function pickStateDict(root: PyValue, source: string, fileBytes: number): Found {
  const metadata: [string, string][] = [];
  const views = new TensorViews(source, fileBytes);
  const dict = find(numbered(root), views, metadata);
  const tensors = new Map<string, HostTensor>();
  for (const [key, value] of dict) {
    const name = String(key);
    if (value instanceof TorchTensor) tensors.set(name, views.make(name, value));
    else if (value instanceof Opaque) {
      throw new UserError(
        `${source}: "${name}" in the state dict is an object of the unsupported global "${value.name}"; expected tensors only, save them alone`,
      );
    } else addMetadata(metadata, name, value, views);
  }
  return { tensors, metadata: Object.fromEntries(metadata) };
}

/** `torch.save((model.state_dict(), epoch), ...)`: its parts under their numbers. A long list is data, no checkpoint. */
function numbered(root: PyValue): PyValue {
  const items = root instanceof PyTuple ? root.items : Array.isArray(root) ? root : [];
  const isCheckpoint = items.length > 0 && items.length <= 16 && items.some((item) => item instanceof Map);
  return isCheckpoint ? new Map(items.map((item, index): [PyValue, PyValue] => [String(index), item])) : root;
}

/** A pickle may hold one dict under any number of keys: each is looked at once for each question. */
const answers = new Map<string, WeakMap<Dict, boolean>>();

function asked(question: string, dict: Dict, answer: () => boolean): boolean {
  const known = answers.get(question) ?? new WeakMap<Dict, boolean>();
  answers.set(question, known);
  const value = known.get(dict) ?? answer();
  known.set(dict, value);
  return value;
}

/** A dict with tensors among its values; of several axes where `weights` are asked for, which settings and counters have not. */
function isStateDict(value: PyValue | undefined, weights = false): value is Dict {
  if (!(value instanceof Map)) return false;
  return asked(`is ${weights}`, value, () =>
    [...value.values()].some((entry) => entry instanceof TorchTensor && (!weights || entry.shape.length > 1)),
  );
}

/** Checkpoints nest a state dict in at most so many dicts. */
const MAX_DEPTH = 3;

function holdsStateDict(value: PyValue | undefined, weights: boolean, depth: number): boolean {
  if (isStateDict(value, weights)) return true;
  if (depth <= 0 || !(value instanceof Map)) return false;
  return asked(`holds ${weights} ${depth}`, value, () =>
    [...value].some(([key, inner]) => !isTraining(key) && holdsStateDict(inner, weights, depth - 1)),
  );
}

/** Optimizers hold tensors too. */
function isTraining(key: PyValue): boolean {
  return /optim|sched|scaler|callback/i.test(String(key));
}

function find(root: PyValue, views: TensorViews, metadata: [string, string][], depth = MAX_DEPTH): Dict {
  const { source } = views;
  if (!(root instanceof Map))
    throw new UserError(`${source}: expected a state dict (a dict of tensors), got ${describe(root)}`);
  // Only where no dict holds a matrix is one of vectors taken for a state dict.
  for (const weights of [true, false]) {
    const wrapper = WRAPPERS.find((key) => holdsStateDict(root.get(key), weights, depth));
    if (wrapper !== undefined) return descend(root, wrapper, views, metadata, depth);
    const inside = [...root.keys()].filter((key) => !isTraining(key));
    const direct = inside.filter((key) => isStateDict(root.get(key), weights));
    const nested = inside.filter((key) => holdsStateDict(root.get(key), weights, depth));
    const candidates = direct.length > 0 || nested.length > 1 ? direct : nested;
    if (isStateDict(root, weights)) return root;
    const [only, ...others] = candidates;
    if (only !== undefined && others.length === 0) return descend(root, only, views, metadata, depth);
    if (others.length > 0) return joined(root, candidates, views, metadata);
  }
  const object = [...root.values()].find((value) => value instanceof Opaque) as Opaque | undefined;
  const keys = [...root.keys()].slice(0, 8).map(String).join(', ');
  throw new UserError(
    `${source}: expected a state dict, got a dict without tensors (keys: ${keys || 'none'}${object ? `; holds a ${object.name}` : ''}); ` +
      'save model.state_dict()',
  );
}

function descend(
  root: Dict,
  inner: PyValue,
  views: TensorViews,
  metadata: [string, string][],
  depth: number,
): Dict {
  for (const [key, value] of root) if (key !== inner) addMetadata(metadata, String(key), value, views);
  const value = root.get(inner)!;
  return isStateDict(value, true) ? value : find(value, views, metadata, depth - 1);
}

/** Several state dicts as one. */
function joined(
  root: Dict,
  keys: readonly PyValue[],
  views: TensorViews,
  metadata: [string, string][],
): Dict {
  for (const [key, value] of root) if (!keys.includes(key)) addMetadata(metadata, String(key), value, views);
  return new Map(
    keys.flatMap((key) =>
      [...(root.get(key) as Dict)].map(([name, value]): [PyValue, PyValue] => [
        `${String(key)}.${String(name)}`,
        value,
      ]),
    ),
  );
}

/** No number of a checkpoint that means anything is beyond 64 bits; longer ones would be copied for each key. */
const MAX_WHOLE_NUMBER = 2n ** 64n;

/** Beyond this a list is data, no setting. */
const MAX_SETTING = 4096;

/** Keeps strings, numbers and short lists of them, also as tensors and arrays; drops the rest (optimizer states, arguments, hooks). */
function addMetadata(metadata: [string, string][], key: string, value: PyValue, views: TensorViews): void {
  if (typeof value === 'string') metadata.push([key, value]);
  else if (plain(value)) metadata.push([key, String(value)]);
  else if (typeof value === 'bigint') {
    if (value < MAX_WHOLE_NUMBER && -value < MAX_WHOLE_NUMBER) metadata.push([key, String(value)]);
  } else if (value instanceof TorchTensor) {
    if (value.shape.length === 0 || elementCount(value.shape) > MAX_SETTING) return;
    metadata.push([key, JSON.stringify([...views.make(key, value).toFloat32()])]);
  } else if (value instanceof Map) {
    // A normalisation among the arguments, or as a dict of its own.
    if (!value.has('mean') || !value.has('std')) return;
    for (const name of ['mean', 'std']) {
      const inner = value.get(name)!;
      if (!(inner instanceof Map) && !metadata.some(([known]) => known === name))
        addMetadata(metadata, name, inner, views);
    }
  } else {
    const known = settingTexts.get(value as object);
    const text = known === undefined ? settingText(value) : known;
    if (typeof value === 'object' && value !== null) settingTexts.set(value, text);
    if (text !== null) metadata.push([key, text]);
  }
}

/** As `answers`: the text of each list is made once; null for one that is not kept. */
const settingTexts = new WeakMap<object, string | null>();

function settingText(value: PyValue): string | null {
  const items =
    value instanceof PyTuple
      ? value.items
      : value instanceof NumpyArray
        ? value.values()
        : Array.isArray(value)
          ? value
          : [];
  if (items.length === 0 || items.length > MAX_SETTING) return null;
  if (items.length === 1 && value instanceof NumpyArray && value.isScalar) return String(items[0]);
  if (items.every(plain)) return JSON.stringify(items);
  const scalars = items.length <= 16 && items.every((item) => item instanceof NumpyArray && item.isScalar);
  return scalars ? JSON.stringify(items.map((item) => (item as NumpyArray).values()[0])) : null;
}

function plain(entry: PyValue): boolean {
  return typeof entry === 'string' || typeof entry === 'number' || typeof entry === 'boolean';
}

function describe(value: PyValue): string {
  if (value instanceof Opaque)
    return `an object of the unsupported global "${value.name}" (a whole pickled module?); save model.state_dict()`;
  if (value instanceof TorchTensor) return `a single tensor [${value.shape}]`;
  if (Array.isArray(value)) return `a list of ${value.length} values`;
  if (value instanceof PyTuple) return `a tuple of ${value.items.length} values`;
  return value === null ? 'None' : `a ${typeof value}`;
}
