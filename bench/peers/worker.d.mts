/** Types of worker.mjs, for the worker that is written in TypeScript. */
export interface Load {
  run(times: number): unknown;
  output(): Promise<Float32Array> | Float32Array;
  dispose?(): void;
}

// Each handler takes the request that run.mjs sends under its name.
export function serve<H extends Record<string, (request: never) => unknown>>(handlers: H): void;
