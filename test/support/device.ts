/** One engine for the whole test process: Dawn's Node binding wants one device per process, and opening one takes time. */
import { afterAll } from 'vitest';
import { createEngine, type Engine, type EngineOptions } from '../../engine/engine.js';
import { acquireNodeGpu, type NodeGpu } from '../../node/adapter.js';

let shared: Promise<{ engine: Engine; node: NodeGpu }> | undefined;

/** The engine that all tests share. Never close it. */
export async function testEngine(): Promise<Engine> {
  shared ??= open({});
  return (await shared).engine;
}

/** An engine of its own, e.g. with artificially low limits, on the same adapter kind; closed after the file's tests. */
export async function ownEngine(options: EngineOptions): Promise<Engine> {
  const { engine } = await open(options);
  afterAll(() => engine.close());
  return engine;
}

async function open(options: EngineOptions) {
  const node = await acquireNodeGpu();
  const engine = await createEngine({
    adapter: node.adapter,
    summary: node.summary,
    release: node.release,
    ...options,
  });
  return { engine, node };
}
