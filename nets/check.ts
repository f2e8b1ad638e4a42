/** Compares a file's tensors with what a spec needs, name by name and shape by shape. */
import type { Shape } from '../engine/graph.js';
import { parameterNames } from './families.js';
import { type Entries, listNames } from './names.js';
import type { NetSpec } from './spec.js';

export interface Differences {
  readonly wrong: readonly string[];
  readonly missing: readonly string[];
  /** Canonical names. */
  readonly unexpected: readonly string[];
}

export function differences(spec: NetSpec, entries: Entries): Differences {
  const wrong: string[] = [];
  const missing: string[] = [];
  const expected = parameterNames(spec);
  for (const [name, shape] of expected) {
    const entry = entries.get(name);
    if (!entry) missing.push(name);
    else if (!sameShape(shape, entry.tensor.shape)) {
      wrong.push(`${entry.name}: expected [${shape.join(', ')}], got [${entry.tensor.shape.join(', ')}]`);
    }
  }
  return { wrong, missing, unexpected: [...entries.keys()].filter((name) => !expected.has(name)) };
}

/** Every difference in one phrase, or undefined where there is none. */
export function differenceText(
  { wrong, missing, unexpected }: Differences,
  entries: Entries,
): string | undefined {
  const parts: string[] = [];
  if (wrong.length > 0) parts.push(`${count(wrong, 'wrong shape')} (${listNames(wrong)})`);
  if (missing.length > 0) parts.push(`${count(missing, 'missing tensor')} (${listNames(missing)})`);
  if (unexpected.length > 0) {
    const names = unexpected.map((name) => entries.get(name)!.name);
    parts.push(`${count(unexpected, 'unexpected tensor')} (${listNames(names)})`);
  }
  return parts.length > 0 ? parts.join(', ') : undefined;
}

function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function count(items: readonly string[], what: string): string {
  return `${items.length} ${what}${items.length === 1 ? '' : 's'}`;
}
