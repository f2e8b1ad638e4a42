/** Memory planning by liveness: temporaries whose lifetimes do not overlap share a buffer. Pure: no GPU. */

/** A value's first and last step, both inclusive, and its size. */
export interface Lifetime {
  readonly id: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface MemoryPlan {
  /** Per value id: which shared buffer holds it. */
  readonly slotOf: ReadonlyMap<number, number>;
  /** Bytes of every shared buffer. */
  readonly slotBytes: readonly number[];
}

/**
 * Greedy by time of birth: the smallest free slot that fits, else the largest free one, grown, else a new one. Values of
 * one step never share a slot (a kernel's operands must not alias), since a slot is free only after a value's last step.
 * @param slots sizes of slots that already exist (of procedures planned before: they run at other times); may grow
 */
export function planMemory(lifetimes: readonly Lifetime[], slots: readonly number[] = []): MemoryPlan {
  const slotBytes = [...slots];
  const freeFrom = slotBytes.map(() => -1);
  const slotOf = new Map<number, number>();
  for (const value of [...lifetimes].sort((a, b) => a.first - b.first || b.bytes - a.bytes || a.id - b.id)) {
    let best = -1;
    for (let slot = 0; slot < slotBytes.length; slot++) {
      if (freeFrom[slot]! >= value.first) continue;
      if (best < 0 || better(slotBytes[slot]!, slotBytes[best]!, value.bytes)) best = slot;
    }
    if (best < 0) {
      best = slotBytes.length;
      slotBytes.push(value.bytes);
      freeFrom.push(value.last);
    }
    slotBytes[best] = Math.max(slotBytes[best]!, value.bytes);
    freeFrom[best] = value.last;
    slotOf.set(value.id, best);
  }
  return { slotOf, slotBytes };
}

function better(candidate: number, best: number, need: number): boolean {
  const fits = candidate >= need;
  if (fits !== best >= need) return fits;
  return fits ? candidate < best : candidate > best;
}
