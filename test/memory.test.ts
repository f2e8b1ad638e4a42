/** Memory by liveness: no two values that live at the same time share memory, and what need not be separate is shared. */
import { expect, test } from 'vitest';
import { type Lifetime, planMemory } from '../engine/memory.js';
import { Random } from './support/random.js';

test('a chain of equal values needs two buffers', () => {
  const chain = Array.from({ length: 10 }, (_, i) => ({ id: i, bytes: 1024, first: i, last: i + 1 }));
  expect(planMemory(chain).slotBytes).toEqual([1024, 1024]);
});

test('values of one step never share, even where one is born as the other dies', () => {
  const { slotOf } = planMemory([
    { id: 0, bytes: 4, first: 0, last: 3 },
    { id: 1, bytes: 4, first: 3, last: 3 },
  ]);
  expect(slotOf.get(0)).not.toBe(slotOf.get(1));
});

test('grows a free buffer rather than adding one, and starts from those of earlier procedures', () => {
  const { slotBytes, slotOf } = planMemory([{ id: 7, bytes: 100, first: 0, last: 1 }], [40, 60]);
  expect(slotBytes).toEqual([40, 100]);
  expect(slotOf.get(7)).toBe(1);
});

test('random lifetimes: never two live values in one slot, every slot large enough', () => {
  const random = new Random(5);
  for (let trial = 0; trial < 50; trial++) {
    const values: Lifetime[] = Array.from({ length: 40 }, (_, id) => {
      const first = random.below(30);
      return { id, bytes: 4 * (1 + random.below(100)), first, last: first + random.below(8) };
    });
    const { slotOf, slotBytes } = planMemory(values);
    for (const a of values) {
      expect(slotBytes[slotOf.get(a.id)!]).toBeGreaterThanOrEqual(a.bytes);
      for (const b of values) {
        if (a.id < b.id && slotOf.get(a.id) === slotOf.get(b.id))
          expect(a.last < b.first || b.last < a.first).toBe(true);
      }
    }
    expect(slotBytes.length).toBeLessThan(values.length);
  }
});
