/** The package in the browser: everything that needs no files and no Node. `index.ts` adds those. */

export { createExplainer, type Explainer, type ExplanationResult, OWN_PREDICTION } from './attack/explain';
export { type Aggregate, aggregate, type Measures, measure, type Outcome, ssim } from './attack/measures';
export {
  explanationPicture,
  heatMap,
  imageFromTensor,
  maskPicture,
  overlayHeat,
  perturbationPicture,
  upscale,
} from './attack/pictures';
export { contactSheet, type SheetOptions, type SheetRow } from './attack/pictures-sheet';
export { type Attack, type AttackResult, createAttack, type RunOptions } from './attack/runner';
export {
  type AttackOptions,
  type AttackSettings,
  attackSettings,
  type ExplainSettings,
} from './attack/settings';
export type { AdapterSummary, DeviceOptions } from './engine/adapter';
export { gradients } from './engine/autodiff';
export { createEngine, type Engine, type EngineOptions } from './engine/engine';
export { UserError } from './engine/errors';
export { type DType, Graph, type Shape, ShapeError, type Tensor, type Variable } from './engine/graph';
export type { DeviceTraits } from './engine/kernel';
export type { Program, Step } from './engine/program';
export { forward, type LoadOptions, loadModel, type Model } from './nets/model';
export { type RecognisedNet, recognise } from './nets/recognise';
export { makeSpec, type NetSpec } from './nets/spec';
export { fromTensor, type Image, type PreprocessMode, preprocess, toTensor } from './weights/image';
export { encodeSafetensors, type TensorToWrite } from './weights/safetensors';
export { type HostTensor, parseStateDict, type StateDict } from './weights/state-dict';
