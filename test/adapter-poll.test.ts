/** The throttle of dawn.node's polling, on a made-up binding that polls as it does. */
import { afterEach, describe, expect, it } from 'vitest';
import { throttlePolling } from '../node/poll.js';

/** Resolves after so many milliseconds; polls by `globalThis.setImmediate`, looked up anew each time. */
function fakeGlobals(waitMs: number) {
  const counts = { polls: 0 };
  class GPUBuffer {
    mapAsync(): Promise<string> {
      const end = performance.now() + waitMs;
      return new Promise((resolve) => {
        const schedule = () => void globalThis.setImmediate(poll);
        const poll = () => {
          counts.polls++;
          if (performance.now() >= end) resolve('mapped');
          else schedule();
        };
        schedule();
      });
    }
  }
  return { globals: { GPUBuffer }, counts };
}

const own = globalThis.setImmediate;
let restore = () => {};
afterEach(() => restore());

describe('throttlePolling', () => {
  it('polls eagerly at first, then about once a millisecond', async () => {
    const plain = fakeGlobals(60);
    await new plain.globals.GPUBuffer().mapAsync();
    const { globals, counts } = fakeGlobals(60);
    restore = throttlePolling(globals);
    expect(await new globals.GPUBuffer().mapAsync()).toBe('mapped');
    // The eager millisecond may hold some hundred polls; without the throttle all sixty do.
    expect(counts.polls).toBeLessThan(plain.counts.polls / 3);
    expect(counts.polls).toBeGreaterThan(1);
  });

  it('answers short waits at once', async () => {
    const { globals } = fakeGlobals(0);
    restore = throttlePolling(globals);
    const began = performance.now();
    for (let i = 0; i < 200; i++) await new globals.GPUBuffer().mapAsync();
    expect(performance.now() - began).toBeLessThan(150);
  });

  it('shows other users of setImmediate nothing, also while a wait goes on', async () => {
    const { globals } = fakeGlobals(20);
    restore = throttlePolling(globals);
    const waiting = new globals.GPUBuffer().mapAsync();
    expect(globalThis.setImmediate).toBe(own);
    let turns = 0;
    let over = false;
    void waiting.then(() => {
      over = true;
    });
    while (!over) {
      await new Promise((resolve) => own(resolve));
      expect(globalThis.setImmediate).toBe(own);
      turns++;
    }
    expect(turns).toBeGreaterThan(1);
  });

  it('restores setImmediate after an error, and the methods when undone', () => {
    class GPUQueue {
      onSubmittedWorkDone(): never {
        throw new Error('lost');
      }
    }
    const original = GPUQueue.prototype.onSubmittedWorkDone;
    const undo = throttlePolling({ GPUQueue });
    expect(GPUQueue.prototype.onSubmittedWorkDone).not.toBe(original);
    expect(() => new GPUQueue().onSubmittedWorkDone()).toThrow('lost');
    expect(globalThis.setImmediate).toBe(own);
    undo();
    expect(GPUQueue.prototype.onSubmittedWorkDone).toBe(original);
  });
});
