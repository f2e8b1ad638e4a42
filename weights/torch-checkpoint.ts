/** Finds the state dict in an unpickled checkpoint, turns its tensors into views, and puts plain values aside as metadata. */

import { UserError } from '../base/errors.js';
import { Opaque, PyTuple, type PyValue } from '../base/pickle-values.js';
import type { HostTensor, StateDict } from './state-dict.js';
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
 * Takes the state dict out of `root`: under a usual wrapper key, or `root` itself, or the only value that looks like one.
 * `fileBytes` is the file's length, which limits what its tensors may take.
 * @throws UserError where there is none or no single one, or where it holds something that is no tensor.
 */
export function pickStateDict(root: PyValue, source: string, fileBytes: number): Found {
  const metadata: [string, string][] = [];
  const dict = find(root, source, metadata, 0);
  const tensors = new Map<string, HostTensor>();
  const views = new TensorViews(source, fileBytes);
  for (const [key, value] of dict) {
    const name = String(key);
    if (value instanceof TorchTensor) tensors.set(name, views.make(name, value));
    else if (value instanceof Opaque) {
      throw new UserError(
        `${source}: "${name}" in the state dict is an object of the unsupported global "${value.name}"; expected tensors only, save them alone`,
      );
    } else addMetadata(metadata, name, value);
  }
  return { tensors, metadata: Object.fromEntries(metadata) };
}

/** A pickle may hold one dict under any number of keys: each is looked at once. */
const knownDicts = new WeakMap<Dict, boolean>();

function isStateDict(value: PyValue | undefined): boolean {
  if (!(value instanceof Map)) return false;
  const known = knownDicts.get(value) ?? [...value.values()].some((entry) => entry instanceof TorchTensor);
  knownDicts.set(value, known);
  return known;
}

function find(root: PyValue, source: string, metadata: [string, string][], depth: number): Dict {
  if (!(root instanceof Map))
    throw new UserError(`${source}: expected a state dict (a dict of tensors), got ${describe(root)}`);
  const wrapper = WRAPPERS.find(
    (key) => root.get(key) instanceof Map && (depth < 2 || isStateDict(root.get(key))),
  );
  let inner = wrapper;
  if (inner === undefined && !isStateDict(root)) {
    const candidates = [...root.keys()].filter((key) => isStateDict(root.get(key)));
    if (candidates.length > 1) {
      throw new UserError(
        `${source}: expected one state dict, got several (${candidates.join(', ')}); save the wanted one alone`,
      );
    }
    inner = candidates[0] === undefined ? undefined : String(candidates[0]);
    if (inner === undefined) {
      const object = [...root.values()].find((value) => value instanceof Opaque) as Opaque | undefined;
      const keys = [...root.keys()].slice(0, 8).map(String).join(', ');
      throw new UserError(
        `${source}: expected a state dict, got a dict without tensors (keys: ${keys || 'none'}${object ? `; holds a ${object.name}` : ''}); ` +
          'save model.state_dict()',
      );
    }
  }
  if (inner === undefined) return root;
  for (const [key, value] of root) if (String(key) !== inner) addMetadata(metadata, String(key), value);
  const value = [...root].find(([key]) => String(key) === inner)![1];
  return isStateDict(value) ? (value as Dict) : find(value, source, metadata, depth + 1);
}

/** As `knownDicts`: the text of each list is made once; undefined for a list that is not kept. */
const listTexts = new WeakMap<readonly PyValue[], { readonly text: string | undefined }>();

/** No number of a checkpoint that means anything is beyond 64 bits; longer ones would be copied for each key. */
const MAX_WHOLE_NUMBER = 2n ** 64n;

/** Keeps strings, numbers and lists of them; drops the rest (optimizer states, arguments, hooks). */
function addMetadata(metadata: [string, string][], key: string, value: PyValue): void {
  const plain = (entry: PyValue) =>
    typeof entry === 'string' || typeof entry === 'number' || typeof entry === 'boolean';
  if (typeof value === 'string') metadata.push([key, value]);
  else if (plain(value)) metadata.push([key, String(value)]);
  else if (typeof value === 'bigint') {
    if (value < MAX_WHOLE_NUMBER && -value < MAX_WHOLE_NUMBER) metadata.push([key, String(value)]);
  } else {
    const items = value instanceof PyTuple ? value.items : Array.isArray(value) ? value : [];
    const { text } = listTexts.get(items) ?? {
      text: items.length > 0 && items.every(plain) ? JSON.stringify(items) : undefined,
    };
    listTexts.set(items, { text });
    if (text !== undefined) metadata.push([key, text]);
  }
}

function describe(value: PyValue): string {
  if (value instanceof Opaque)
    return `an object of the unsupported global "${value.name}" (a whole pickled module?); save model.state_dict()`;
  if (value instanceof TorchTensor) return `a single tensor [${value.shape}]`;
  if (Array.isArray(value)) return `a list of ${value.length} values`;
  if (value instanceof PyTuple) return `a tuple of ${value.items.length} values`;
  return value === null ? 'None' : `a ${typeof value}`;
}
