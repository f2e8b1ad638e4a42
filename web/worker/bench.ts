/** A device with a net on it, and what every part of the page asks of the two. */
import { type Classifier, createClassifier } from '../../attack/classifier.js';
import { createExplainer, type Explainer, type ExplanationResult } from '../../attack/explain.js';
import { predictions, softmax } from '../../attack/logits.js';
import { measure } from '../../attack/measures.js';
import type { ExplainSettings } from '../../attack/settings/common.js';
import { fromTensor, preprocess, toTensor } from '../../data/image.js';
import type { Image } from '../../data/rgb.js';
import type { Engine } from '../../engine/engine.js';
import type { Model } from '../../nets/model.js';
import type { AttackFrame, Explained, Subject } from '../protocol.js';

export class Bench {
  readonly engine: Engine;
  #net: { readonly model: Model; readonly classifier: Classifier } | undefined;
  #explainer: { readonly key: string; readonly explainer: Explainer } | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  get model(): Model {
    if (!this.#net) throw new Error('internal: the page asked before there was a net');
    return this.#net.model;
  }

  async use(model: Model): Promise<void> {
    await this.exclusive(async () => {
      this.#explainer?.explainer.destroy();
      this.#explainer = undefined;
      this.#net?.classifier.destroy();
      this.#net = undefined;
      this.#net = { model, classifier: await createClassifier(this.engine, model, 1) };
    });
  }

  /** One piece of work at a time: programs are written, run and read, and nothing may come between. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  /** The image as the net sees it. Of photos the middle: nothing is squashed. */
  prepared(image: Image): Image {
    const { spec } = this.model;
    const { height, width } = spec;
    const fits = image.width === width && image.height === height;
    return preprocess(image, { inputSize: [height, width], form: spec.form, mode: fits ? 'none' : 'crop' });
  }

  async labelOf({ label }: Subject, x: Float32Array): Promise<number> {
    return label ?? predictions(await this.logits(x), this.model.spec.classes)[0]!;
  }

  logits(x: Float32Array): Promise<Float32Array> {
    return this.exclusive(() => this.#net!.classifier.run(x));
  }

  async explain(subject: Subject, settings: Partial<ExplainSettings>): Promise<Explained> {
    const original = this.prepared(subject.image);
    const x = toTensor(original);
    const label = await this.labelOf(subject, x);
    const result = await this.exclusive(async () => {
      const key = JSON.stringify(settings);
      if (this.#explainer?.key !== key) {
        const explainer = await createExplainer(this.engine, this.model, settings, 1);
        this.#explainer?.explainer.destroy();
        this.#explainer = { key, explainer };
      }
      return this.#explainer.explainer.run(x, Uint32Array.of(label));
    });
    return this.explained(subject, original, label, result);
  }

  explained(subject: Subject, original: Image, label: number, result: ExplanationResult): Explained {
    return {
      original,
      label,
      labelled: subject.label !== null,
      cam: result.cam,
      mask: result.mask,
      cfr: result.cfr[0]!,
      cfrPixels: result.cfrPixels[0]!,
      confidences: softmax(result.logits),
    };
  }

  /** What there is to say of an adversarial image [3, h, w]. */
  frame(
    original: Image,
    xAdv: Float32Array,
    logits: Float32Array,
    aim: { readonly label: number; readonly target: number | undefined },
    at: { readonly step: number; readonly loss: number | null },
  ): AttackFrame {
    const { width, height } = original;
    const winner = predictions(logits, logits.length)[0]!;
    return {
      ...at,
      pixels: fromTensor(xAdv, width, height).data,
      confidences: softmax(logits),
      measures: measure(toTensor(original), xAdv, { channels: 3, height, width }),
      fools: aim.target === undefined ? winner !== aim.label : winner === aim.target,
    };
  }
}
