/**
 * Holds kernels to the rule of shaders/README.md: between a storage value that a whole workgroup reads and the write of it by one invocation, or the
 * other way round, stands a `storageBarrier()`; `workgroupBarrier()` orders workgroup memory only. Lexical: it reads the texts, every branch of them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

interface Access {
  readonly at: number;
  readonly buffer: string;
  readonly index: string;
  readonly writes: boolean;
  /** The block of the one invocation that it stands in; -1 outside of all. */
  readonly block: number;
}

/** Pairs of accesses, named, that nothing orders. */
function racesOf(source: string): string[] {
  const text = source.replace(/\/\/.*$/gm, (comment) => ' '.repeat(comment.length));
  const buffers = [...text.matchAll(/var<storage, read_write>\s+(\w+)/g)].map(([, name]) => name!);
  const start = text.indexOf('fn main');
  const functions = [...text.slice(0, start).matchAll(/fn (\w+)\(/g)].map(({ 1: name, index }) => ({
    name: name!,
    body: text.slice(text.indexOf('{', index), closing(text, text.indexOf('{', index), '{}')),
  }));
  // Entered by one invocation: `if (i == 0)`, also with other conditions, and its else branch not.
  const blocks = [...text.matchAll(/\bif \([^{]*\b(?:i|local) == 0u?\b[^{]*\{/g)]
    .filter(({ 0: head }) => !head.includes('||'))
    .map(({ index, 0: head }) => {
      const open = index + head.length - 1;
      return [index, closing(text, open, '{}')] as const;
    });
  const blockOf = (at: number) => blocks.findIndex(([from, to]) => at > from && at < to);
  const accesses: Access[] = [];
  const add = (at: number, buffer: string, index: string, writes: boolean) =>
    accesses.push({ at, buffer, index, writes, block: blockOf(at) });
  for (const buffer of buffers) {
    for (const { index: at } of text.matchAll(new RegExp(`\\b${buffer}\\[`, 'g'))) {
      if (at < start) continue;
      const open = at + buffer.length;
      const close = closing(text, open, '[]');
      const index = text.slice(open + 1, close);
      const [, operator] = /^\s*([-+*/]?=)(?!=)/.exec(text.slice(close + 1)) ?? [];
      if (operator !== undefined) add(at, buffer, index, true);
      if (operator !== '=') add(at, buffer, index, false);
    }
    for (const { name, body } of functions) {
      const found = [...body.matchAll(new RegExp(`\\b${buffer}\\[([^\\]]*)\\](?!\\s*=[^=])`, 'g'))];
      for (const { index: at } of text.matchAll(new RegExp(`\\b${name}\\(`, 'g'))) {
        if (at > start) for (const [, index] of found) add(at, buffer, index!, false);
      }
    }
  }
  accesses.sort((a, b) => a.at - b.at);
  const races: string[] = [];
  for (const write of accesses.filter(({ writes, block }) => writes && block >= 0)) {
    const [from, to] = blocks[write.block]!;
    for (const other of accesses) {
      if (other.buffer !== write.buffer || other.block >= 0 || !mayMeet(other.index, write.index)) continue;
      const between = other.at < from ? text.slice(other.at, from) : text.slice(to + 1, other.at);
      // The branch ends with the write.
      if (other.at > to && /^\s*return;/.test(between)) continue;
      if (!between.includes('storageBarrier()')) {
        const line = text.slice(0, other.at).split('\n').length;
        races.push(`${write.buffer}[${write.index}]: line ${line} and one invocation's write`);
      }
    }
  }
  return [...new Set(races)];
}

/** Slots of the state by name are different places; any other two indices may be one. */
function mayMeet(a: string, b: string): boolean {
  const [slotA, slotB] = [a, b].map((index) => /\bSLOT_\w+/.exec(index)?.[0]);
  return slotA === undefined || slotB === undefined || slotA === slotB;
}

/** Where the bracket at `open` closes. */
function closing(text: string, open: number, [opens, closes]: string): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === opens) depth++;
    if (text[at] === closes && --depth === 0) return at;
  }
  throw new Error(`expected the bracket at ${open} to close`);
}

describe('storage that one invocation writes and all read', () => {
  test('is found', () => {
    const kernel = (between: string) => `
      @group(0) @binding(0) var<storage, read_write> state: array<f32>;
      fn main() {
        let old = state[s + SLOT_A];
        ${between}
        if (i == 0 && live) { state[s + SLOT_A] = old + 1.0; state[s + SLOT_B] += 1.0; }
      }`;
    expect(racesOf(kernel('workgroupBarrier();'))).toHaveLength(1);
    expect(racesOf(kernel('storageBarrier();'))).toEqual([]);
  });

  for (const file of readdirSync('shaders').filter((name) => name.endsWith('.wgsl'))) {
    const text = readFileSync(`shaders/${file}`, 'utf8');
    if (!/fn main/.test(text)) continue;
    test(file, () => expect(racesOf(text)).toEqual([]));
  }
});
