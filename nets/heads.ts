/** Finds the classifier among a file's linear layers: a chain from the features to the classes, whatever it is called. */
import { type Entries, naturalOrder } from './names.js';

/** Usual names, the likeliest first: with several chains in a file the one named so is the head. */
const USUAL = [
  'fc',
  'linear',
  'classifier',
  'head.fc',
  'head',
  'classifier.fc',
  'last_linear',
  'output',
  'out',
  'logits',
];

export interface Head {
  /** Names of the layers, first to last. */
  readonly layers: readonly string[];
  /** Cells of the grid that the first layer sees. */
  readonly cells: number;
  /** Hidden units of all but the last. */
  readonly hidden: readonly number[];
  readonly classes: number;
}

/**
 * The head over `channels` features: undefined where no chain of linear layers begins there, or several do and none has a
 * usual name. `taken` are layers of the trunk.
 */
export function findHead(
  entries: Entries,
  channels: number,
  taken: (layer: string) => boolean = () => false,
): Head | undefined {
  const groups = new Map<string, string[]>();
  for (const [name, { tensor }] of entries) {
    const linear = name.endsWith('.weight') && tensor.shape.length === 2;
    const layer = name.slice(0, name.lastIndexOf('.'));
    const lone = name.endsWith('.bias') && !entries.has(`${layer}.weight`);
    if ((!linear && !lone) || taken(layer)) continue;
    const key = groupOf(layer);
    groups.set(key, [...(groups.get(key) ?? []), layer]);
  }
  const heads = [...groups].flatMap(([key, layers]) => {
    const head = chain(entries, layers.sort(naturalOrder), channels);
    return head ? [{ key, head }] : [];
  });
  const usual = USUAL.flatMap((name) => heads.filter(({ key }) => key === name));
  const chosen = usual[0] ?? (heads.length === 1 ? heads[0] : undefined);
  return chosen?.head;
}

/** `fc.0` and `fc.3` are of one group, `fc1` and `fc2` too. */
export function groupOf(layer: string): string {
  return layer.replace(/(?:[._]?\d+)+$/, '').replace(/^$/, layer) || layer;
}

function chain(entries: Entries, layers: readonly string[], channels: number): Head | undefined {
  const shapes = layers.flatMap((layer) => {
    const shape = entries.get(`${layer}.weight`)?.tensor.shape;
    return shape ? [shape] : [];
  });
  const cells = shapes[0]?.[1] === undefined ? Number.NaN : shapes[0][1] / channels;
  // A bias without its weight: the file is not whole.
  if (shapes.length !== layers.length || !Number.isInteger(cells)) return undefined;
  if (!shapes.every((shape, k) => k === 0 || shape[1] === shapes[k - 1]![0])) return undefined;
  return {
    layers,
    cells,
    hidden: shapes.slice(0, -1).map(([outputs]) => outputs!),
    classes: shapes.at(-1)![0]!,
  };
}

/** Names of the layers in the file to those of the plan: `to`, or `to.0`, `to.3`, ... (`headLayers`). */
export function headNames(head: Head, to: string): [string, string][] {
  return head.layers.map((layer, k) => [layer, head.layers.length > 1 ? `${to}.${3 * k}` : to]);
}

/** Renames the layer of a tensor: everything before its last dot. */
export function renamed(name: string, layers: ReadonlyMap<string, string>): string {
  const dot = name.lastIndexOf('.');
  const layer = layers.get(name.slice(0, dot));
  return layer === undefined ? name : layer + name.slice(dot);
}
