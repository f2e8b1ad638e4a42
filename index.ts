/**
 * The package in Node: an engine that finds its adapter by itself, and the readers and writers of files.
 */

export * from './browser.js';
export { type Dataset, openDataset, type Sample } from './data/datasets.js';
export { readImage, writePng } from './data/image-files.js';
export { createEngine, type NodeEngineOptions } from './node/engine.js';
export { cacheFolder } from './node/files.js';
export { contactSheet, type SheetOptions } from './report/sheet.js';
export type { SheetRow } from './report/sheet-row.js';
export { type OpenModelOptions, openModel } from './run/open-model.js';
export { resolveModel } from './weights/registry-files.js';
export { readStateDict, writeSafetensors } from './weights/state-dict-files.js';
