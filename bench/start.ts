/** How long a user waits for the first step of an attack: measured in processes of their own, since a process starts only once. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { attackSettings } from '../attack/driver.js';
import type { Model } from '../nets/model.js';
import { AttackTools } from '../run/attack-batch.js';
import type { Services } from '../run/services.js';
import { registry } from '../weights/registry.js';
import type { StartRecord } from './records.js';
import { summary } from './timing.js';

/** What one process tells of its start: milliseconds since it began. */
interface Start {
  /** The attack is compiled and the device has passed its self-test. */
  readonly ready: number;
  /** The first step's result is read. */
  readonly done: number;
}

/** The net of this architecture and input size that ships with the package: only such a one has weights to read. */
export function shippedNet({ spec }: Model): string | undefined {
  return registry.find(
    ({ url, arch, inputSize }) => url === undefined && arch === spec.arch && inputSize === spec.inputSize,
  )?.name;
}

/** Starts the program `samples` times, after once that warms the driver's cache. */
export async function benchStart(
  model: Model,
  net: string,
  batch: number,
  signal: AbortSignal,
  samples = 5,
): Promise<StartRecord> {
  const starts: Start[] = [];
  const argv = [process.argv[1]!, 'bench', '--start-once', net, '--batch', String(batch)];
  for (let i = 0; i <= samples; i++) {
    const { stdout } = await promisify(execFile)(process.execPath, argv, { signal });
    if (i > 0) starts.push(JSON.parse(stdout) as Start);
  }
  return {
    kind: 'start',
    net: model.name,
    batch,
    readyMs: summary(starts.map(({ ready }) => ready)),
    firstStepMs: summary(starts.map(({ done }) => done)),
  };
}

/** The start of `cfr attack` up to the end of one step, as JSON on stdout. */
export async function startOnce(net: string, batch: number, services: Services): Promise<void> {
  const { model } = await services.loadNet({ model: net }, services.console);
  const { inputSize } = model.spec;
  const settings = attackSettings({ mode: 'minimal', iterations: 1 }, model.spec);
  const tools = await AttackTools.make(await services.openDevice(), model, settings, batch, services.signal);
  const ready = performance.now();
  const data = new Uint8Array(3 * inputSize ** 2).fill(128);
  const image = { width: inputSize, height: inputSize, data };
  const pictures = Array.from({ length: batch }, (_, index) => ({ index, source: '', label: null, image }));
  const x = new Float32Array(batch * data.length).fill(128 / 255);
  await tools.queue.add({ pictures, x }, new Uint32Array(batch));
  await tools.queue.finish(() => {}, services.signal);
  services.console.say(JSON.stringify({ ready, done: performance.now() } satisfies Start));
  tools.destroy();
}
