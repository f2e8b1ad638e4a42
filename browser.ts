/// <reference types="@webgpu/types" preserve="true" />

/**
 * The package in the browser: everything that needs no files and no Node. `index.ts` adds those.
 * @module cfr-attack/browser
 */

export {
  type Classification,
  type Classifier,
  createClassifier,
  type Ranked,
} from './attack/classifier.js';
export { type Diagnosis, diagnose } from './attack/diagnosis.js';
export {
  type Attack,
  type AttackOptions,
  type AttackResult,
  type AttackSession,
  attackSettings,
  createAttack,
  type RunOptions,
  type StartOptions,
} from './attack/driver.js';
export {
  createExplainer,
  createExplainers,
  type Explainer,
  type Explainers,
  type ExplanationResult,
  OWN_PREDICTION,
} from './attack/explain.js';
export { type Explanation, type ExplanationTraits, explanationTable } from './attack/explanations.js';
export { type Faithfulness, type FaithfulnessSettings, faithfulnessOf } from './attack/faithfulness.js';
export { type FitOptions, fitPatch, type PatchBatch, type PatchState } from './attack/fit.js';
export {
  attackImage,
  type ClassifyOptions,
  classify,
  type ImageAttack,
  type ImageAttackOptions,
} from './attack/image-attack.js';
export { type MapSettings, mapSize } from './attack/maps.js';
export {
  type Aggregate,
  aggregate,
  type Measures,
  measure,
  type Outcome,
  type PlaneShape,
  ssim,
} from './attack/measures.js';
export type { Method } from './attack/method.js';
export { METHODS, methodNamed } from './attack/methods/index.js';
export type { Session, Snapshot } from './attack/session.js';
export type { CommonSettings, ExplainSettings, Norm } from './attack/settings/common.js';
export {
  type AttackedNet,
  SettingError,
  type SettingRow,
  type SettingsTable,
} from './attack/settings/rows.js';
export type { AttackSettings, Goal, Kind } from './attack/traits.js';
export { NonFiniteError } from './base/errors.js';
export type { OnProgress, Progress } from './base/progress.js';
export { decodeBlob, type ImageSource, imageFrom, type RgbaPixels, toImageData } from './data/canvas.js';
export {
  fromTensor,
  type PreprocessMode,
  type PreprocessOptions,
  preprocess,
  toTensor,
} from './data/image.js';
export type { Image } from './data/rgb.js';
export * from './engine/index.js';
export type { Assumption, Open } from './nets/assumptions.js';
export { initialiseModel } from './nets/initialise.js';
export type { NetOutputs } from './nets/layers.js';
export { type ForwardOptions, forward, type LoadOptions, loadModel, type Model } from './nets/model.js';
export { type RecognisedNet, type RecogniseOptions, recognise } from './nets/recognise.js';
export {
  type Architecture,
  type Family,
  type Form,
  makeSpec,
  type NamedArchitecture,
  type NetSpec,
  type Rgb,
  type Shortcut,
  type Size,
  type SpecOptions,
  type Stem,
} from './nets/spec.js';
export {
  explanationPicture,
  heatMap,
  imageFromTensor,
  maskPicture,
  overlayHeat,
  perturbationPicture,
  type Size as PictureSize,
  upscale,
} from './report/pictures.js';
export { encodeNet, type TrainedFacts } from './train/checkpoint.js';
export type { TrainingData } from './train/data.js';
export { type AugmentOptions, type ImageInputs, traceAugment } from './train/images.js';
export { type Stage, type TrainOptions, type TrainSettings, trainSettings } from './train/settings.js';
export { createTrainer, DivergedError, type Trainer, type TrainerOptions } from './train/trainer.js';
export {
  type Control,
  type Learned,
  learned,
  type Report,
  type RunningStatistics,
  rates,
  readReport,
  reportVariable,
  traceCheck,
  traceReport,
  traceStatistics,
  traceUpdate,
  type UpdateRule,
} from './train/updates.js';
export { type FetchWeightsOptions, fetchWeights, type WeightsCache } from './weights/fetch.js';
export { findNet, type RegisteredNet, registry } from './weights/registry.js';
export { encodeSafetensors, type TensorToWrite } from './weights/safetensors.js';
export { parseStateDict } from './weights/state-dict.js';
export type { HostDType, HostTensor, StateDict } from './weights/tensors.js';
