/**
 * `cfr-attack/engine` in Node: the engine by itself, and a `createEngine` that finds an adapter.
 * @module cfr-attack/engine (Node)
 */

export * from './engine/index.js';
export { createEngine, type NodeEngineOptions } from './node/engine.js';
