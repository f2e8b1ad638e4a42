/**
 * The package in Node: an engine that finds its adapter by itself, readers and writers of files, and everything of `cfr-attack/browser`.
 * @module cfr-attack
 */

export * from './browser.js';
export { type Dataset, type OpenDatasetOptions, openDataset, type Sample } from './data/datasets.js';
export { readImage, writePng } from './data/image-files.js';
export { createEngine, type NodeEngineOptions } from './node/engine.js';
export { cacheFolder } from './node/files.js';
export { contactSheet, type SheetOptions } from './report/sheet.js';
export type { SheetPrediction, SheetRow } from './report/sheet-row.js';
export { type OpenModelOptions, openModel } from './run/open-model.js';
export { type ResolveOptions, resolveModel } from './weights/registry-files.js';
export { readStateDict, writeSafetensors } from './weights/state-dict-files.js';
