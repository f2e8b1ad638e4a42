/**
 * The package in Node: an engine that finds its adapter by itself, and the readers and writers of files.
 *
 * @example
 * import { createAttack, createEngine, loadModel, readImage, readStateDict, resolveModel, toTensor } from 'cfr-attack';
 *
 * const engine = await createEngine();
 * const model = loadModel(await readStateDict(await resolveModel('resnet18-cifar10')));
 * const attack = await createAttack(engine, model, { mode: 'minimal', iterations: 20 }, 1);
 * const { xAdv, success } = await attack.run(toTensor(await readImage('cat.png')), Uint32Array.of(3));
 * engine.close();
 */

export * from './browser.js';
export { type Dataset, openDataset, type Sample } from './data/datasets.js';
export { readImage, writePng } from './data/image-files.js';
export { createEngine, type NodeEngineOptions } from './node/engine.js';
export { cacheFolder } from './node/files.js';
export { contactSheet, type SheetOptions } from './report/sheet.js';
export type { SheetRow } from './report/sheet-row.js';
export { resolveModel } from './weights/registry-files.js';
export { readStateDict, writeSafetensors } from './weights/state-dict-files.js';
