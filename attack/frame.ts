/**
 * What every method stands on: the graph with the clean images, the goal, the region and the state; what the net is shown, the verdict on it,
 * losses and gradients, the best so far. A method traces its own procedures with these, and one workgroup an image for its update.
 */
import { gradients } from '../engine/autodiff.js';
import { Graph, sizeOf, type Tensor, type Variable } from '../engine/graph.js';
import type { ShaderConstant } from '../engine/template.js';
import { forward, type Model } from '../nets/model.js';
import type { ShaderSource } from '../shaders/source.js';
import { type ExplanationVariables, explanationVariables, traceExplanations } from './explain.js';
import { classWorkgroup, OWN_SLOTS, SLOTS, shaders, WORKGROUP } from './kernels.js';
import { parseRegion } from './regions.js';
import type { AttackSettings, MethodTraits } from './traits.js';

/**
 * `ce-unit` is cross-entropy up to a positive factor for each image; `dlr-aim` goes for the class in the slot AIM, a method's own, though any wrong
 * class fools; see attack_judge.wgsl.
 */
export type Loss = 'ce' | 'ce-unit' | 'margin' | 'dlr' | 'ratio' | 'dlr-aim';
const LOSSES: readonly Loss[] = ['ce', 'ce-unit', 'margin', 'dlr', 'ratio', 'dlr-aim'];

/** What makes an iterate the best: `norm`: it fools at the least norm; `loss`: it fools, then the highest loss; `latest`; `none`. */
export type Rank = 'norm' | 'loss' | 'latest' | 'none';
const RANKS: readonly Rank[] = ['norm', 'loss', 'latest', 'none'];

/** What the net is shown of an iterate: it as it is, its nearest 8-bit image, or the nearest within epsilon. */
export type Showing = 'exact' | 'round' | 'linf' | 'l2';
const SHOWINGS: readonly Showing[] = ['exact', 'round', 'linf', 'l2'];

export interface JudgeOptions {
  readonly loss: Loss;
  readonly rank: Rank;
  /** For rank `norm`: only what fools by a margin of the setting `kappa` becomes the best. */
  readonly confident?: boolean | undefined;
  /** Propagations of the step, for its cost. Default 1 and 1. */
  readonly forwards?: number;
  readonly backwards?: number;
  /** Counts as a step. Default true. */
  readonly advance?: boolean;
  readonly final?: boolean;
  /** An image that is fooled is done. Default false. */
  readonly stops?: boolean;
}

export interface KernelOptions {
  /** Default: the shader's name. */
  readonly label?: string;
  readonly constants?: Readonly<Record<string, ShaderConstant>>;
  readonly reads: readonly Tensor[];
  readonly writes?: readonly Variable[];
  /** Shapes of fresh outputs. */
  readonly outputs?: readonly (readonly number[])[];
  /** Default: one workgroup of 256 an image. */
  readonly workgroups?: readonly [number, number, number];
}

export class Frame<M extends MethodTraits = MethodTraits> {
  readonly graph = new Graph();
  /** Images of a batch. */
  readonly batch: number;
  readonly classes: number;
  readonly pixels: number;
  /** Values of an image: 3 * pixels. */
  readonly elements: number;
  /** [batch, 3, h, w] */
  readonly shape: readonly [number, number, number, number];
  readonly targeted: boolean;

  /** The clean images [n, 3, h, w], pixels k/255. */
  readonly x: Tensor;
  /** u32 [n]: the true class. */
  readonly labels: Tensor;
  /** u32 [n]: the class that is explained, the true one unless the settings name another. */
  readonly explained: Tensor;
  /** u32 [n]: the class to leave, or to reach where the attack is targeted. */
  readonly goal: Tensor;
  /** u32 [n, 2]: seed and number of each image, for random numbers. */
  readonly key: Tensor;
  /** [n, SETTINGS]: the settings that are numbers, at `SET_...`. */
  readonly settings: Tensor;
  /** [h, w]: the mask of a region that is the same for all images. */
  readonly givenMask: Tensor;
  readonly explanation: ExplanationVariables;
  /** u32 [n]: pixels of the region. */
  readonly area: Variable;
  /** [n, STATE]: see SLOTS. */
  readonly state: Variable;
  /** [n, 3, h, w]: where the method is; what the net is shown next is made of it. In [0, 1]. */
  readonly iterate: Variable;
  /** [n, 3, h, w]: the best so far; the clean image as long as there is none. */
  readonly best: Variable;
  /** [n, classes], of the clean images and of `best`. */
  readonly logits: Variable;
  readonly logitsBest: Variable;
  /** [n, TRACE, 2]: loss and l2 of each step. */
  readonly trace: Variable;
  /** Names of the settings in the columns of `settings`. */
  readonly columns: readonly string[];
  /** Host-made tables: what is written into each before a run. */
  readonly tables: { readonly tensor: Tensor; make(settings: AttackSettings): Float32Array }[] = [];

  readonly #model: Model;
  readonly #method: M;
  readonly #settings: AttackSettings;
  readonly #layout: Readonly<Record<string, ShaderConstant>>;
  readonly #norm: string;

  constructor(model: Model, method: M, settings: AttackSettings, batch: number, traceLength: number) {
    const { height, width, classes } = model.spec;
    this.#model = model;
    this.#method = method;
    this.#settings = settings;
    this.#norm = method.norm(settings).toUpperCase();
    this.batch = batch;
    this.classes = classes;
    this.pixels = height * width;
    this.elements = 3 * this.pixels;
    this.shape = [batch, 3, height, width];
    this.targeted = settings.target !== undefined;
    this.columns = Object.entries(method.table)
      .filter(([name, row]) => !row.structural && typeof settings[name] === 'number')
      .map(([name]) => name);
    const states = OWN_SLOTS + method.slots.length;
    const { graph } = this;
    this.x = graph.input('x', this.shape);
    this.labels = graph.input('labels', [batch], 'u32');
    this.explained = graph.input('explained', [batch], 'u32');
    this.goal = graph.input('goal', [batch], 'u32');
    this.key = graph.input('key', [batch, 2], 'u32');
    this.settings = graph.input('settings', [batch, Math.max(1, this.columns.length)]);
    this.givenMask = graph.input('given mask', [height, width]);
    this.explanation = explanationVariables(graph, model, settings, batch);
    this.area = graph.variable('area', [batch], 'u32');
    this.state = graph.variable('state', [batch, states]);
    this.iterate = graph.variable('iterate', this.shape);
    this.best = graph.variable('best', this.shape);
    this.logits = graph.variable('logits', [batch, classes]);
    this.logitsBest = graph.variable('logits of best', [batch, classes]);
    this.trace = graph.variable('trace', [batch, traceLength, 2]);
    this.#layout = {
      ...SLOTS,
      ...Object.fromEntries(method.slots.map((name, i) => [`SLOT_${name}`, OWN_SLOTS + i])),
      ...Object.fromEntries(this.columns.map((name, i) => [settingConstant(name), i])),
      STATE: states,
      SETTINGS: Math.max(1, this.columns.length),
      TRACE: traceLength,
      WG: WORKGROUP,
      ELEMENTS: this.elements,
      PIXELS: this.pixels,
      HEIGHT: height,
      WIDTH: width,
      CLASSES: classes,
      TARGETED: this.targeted,
    };
    this.#traceRegion();
  }

  /** The region [n, h, w] in [0, 1]: pixels may change where it is above 0, and soft values scale. */
  get mask(): Variable {
    return this.explanation.mask;
  }

  /** A variable of the method's own, zero at first. */
  variable(name: string, shape: readonly number[], dtype: 'f32' | 'u32' = 'f32'): Variable {
    return this.graph.variable(name, shape, dtype);
  }

  /** A table that the host makes of the settings before each run, such as a schedule: WGSL's own cosine is only accurate to 2^-11. */
  table(name: string, shape: readonly number[], make: (settings: AttackSettings) => Float32Array): Tensor {
    const tensor = this.graph.input(name, shape);
    this.tables.push({ tensor, make });
    return tensor;
  }

  procedure(name: string, trace: () => void): void {
    this.graph.procedure(name, () => {
      trace();
      return undefined;
    });
  }

  /** A compute shader of the method's; it gets those of the frame's constants (ELEMENTS, SLOT_..., SET_...) that it names. */
  kernel(shader: ShaderSource, options: KernelOptions): Tensor[] {
    const own = options.constants ?? {};
    const code = shader.text.replace(/\/\/(?!#).*$/gm, '');
    const named = Object.entries(this.#layout).filter(
      ([name]) => !(name in own) && new RegExp(`\\b${name}\\b`).test(code),
    );
    return this.graph.custom({
      label: options.label ?? shader.name,
      shader,
      constants: { ...Object.fromEntries(named), ...own },
      reads: options.reads,
      writes: options.writes ?? [],
      outputs: (options.outputs ?? []).map((shape) => ({ shape })),
      workgroups: options.workgroups ?? [this.batch, 1, 1],
    });
  }

  /** The first procedure of a method: state, iterate, best. `more` traces what the method adds. */
  begin(more: () => void = () => {}): void {
    this.procedure('begin', () => {
      this.kernel(shaders.begin, {
        reads: [this.x, this.logits],
        writes: [this.state, this.iterate, this.best, this.logitsBest],
      });
      more();
    });
  }

  /** Clears a variable [n, ...]. */
  zero(variable: Variable): void {
    const count = sizeOf(variable.shape.slice(1));
    this.kernel(shaders.zero, {
      constants: { COUNT: count },
      reads: [],
      writes: [variable],
      workgroups: [Math.ceil(count / WORKGROUP), variable.shape[0]!, 1],
    });
  }

  /** What the net is shown of `iterate` [n, 3, h, w]; its norms go to the state. */
  show(showing: Showing, iterate: Tensor = this.iterate): Tensor {
    const mode = SHOWINGS.indexOf(showing);
    const [seen] = this.kernel(shaders.see, {
      label: `see/${showing}`,
      constants: { MODE: mode },
      reads: [this.x, iterate, this.mask, ...(mode >= 2 ? [this.settings] : [])],
      writes: [this.state],
      outputs: [this.shape],
    });
    return seen!;
  }

  /** Logits [rows, classes] of images [rows, 3, h, w]; rows may be another number than the batch. */
  net(images: Tensor): Tensor {
    return forward(this.graph, this.#model, images).logits;
  }

  /** The verdict on what the net was shown. @returns the gradient of the loss towards the logits [n, classes] */
  judge(logits: Tensor, options: JudgeOptions): Tensor {
    const [seed] = this.kernel(shaders.judge, {
      label: `judge/${options.loss}`,
      constants: {
        WG: classWorkgroup(this.classes),
        LOSS: LOSSES.indexOf(options.loss),
        RANK: RANKS.indexOf(options.rank),
        NORM: SLOTS[`SLOT_${this.#norm}` as keyof typeof SLOTS],
        BEST_NORM: SLOTS[`SLOT_BEST_${this.#norm}` as keyof typeof SLOTS],
        FINAL: options.final ?? false,
        STOPS: options.stops ?? false,
        ADVANCE: options.advance ?? true,
        CONFIDENT: options.confident ?? false,
        FORWARDS: options.forwards ?? 1,
        BACKWARDS: options.backwards ?? 1,
      },
      reads: [logits, this.goal, this.labels, ...(options.confident ? [this.settings] : [])],
      writes: [this.state, this.logitsBest, this.trace],
      outputs: [[this.batch, this.classes]],
    });
    return seed!;
  }

  /** Keeps what the net was shown where the judge found it the best. */
  keep(seen: Tensor): void {
    this.kernel(shaders.keep, {
      reads: [this.state, seen],
      writes: [this.best],
      workgroups: [Math.ceil(this.elements / WORKGROUP), this.batch, 1],
    });
  }

  /** Gradient [n, 3, h, w] of `seed`-weighted logits towards `images`. */
  gradient(logits: Tensor, images: Tensor, seed: Tensor): Tensor {
    return gradients(logits, [images], seed)[0]!;
  }

  /** A whole look at the iterate: shown, judged, kept, and the loss's gradient towards what was shown. */
  look(showing: Showing, options: JudgeOptions): { seen: Tensor; logits: Tensor; gradient: Tensor } {
    const seen = this.show(showing);
    const logits = this.net(seen);
    const seed = this.judge(logits, options);
    const gradient = this.gradient(logits, seen, seed);
    if (options.rank !== 'none') this.keep(seen);
    return { seen, logits, gradient };
  }

  /**
   * A procedure that shows the iterate at 8 bits, judges and keeps it: the end of a budget attack, or of one of its restarts; or the last look
   * of one that sees 8-bit images anyway.
   */
  attempt(
    name: string,
    showing: Exclude<Showing, 'exact'>,
    options: {
      readonly rank: Rank;
      readonly loss?: Loss;
      readonly stops?: boolean;
      readonly confident?: boolean;
    },
  ): void {
    this.procedure(name, () => {
      const seen = this.show(showing);
      this.judge(this.net(seen), {
        backwards: 0,
        advance: false,
        loss: options.loss ?? 'ce',
        rank: options.rank,
        stops: options.stops ?? false,
        confident: options.confident ?? false,
      });
      this.keep(seen);
    });
  }

  /** A procedure that rounds the best to 8 bits and judges it anew, for methods whose net does not see 8-bit images. */
  roundBest(name: string, showing: Exclude<Showing, 'exact'> = 'round'): void {
    this.procedure(name, () => {
      const seen = this.show(showing, this.best);
      this.judge(this.net(seen), { loss: 'ce', rank: 'latest', backwards: 0, advance: false, final: true });
      this.graph.assign(this.best, seen);
    });
  }

  #traceRegion(): void {
    const { explanation, graph } = this;
    const region = parseRegion(this.#settings.region);
    const kind = {
      all: 0,
      'outside-cfr': 1,
      'random-cfr': region.kind === 'random-cfr' && region.anywhere ? 3 : 2,
      box: 4,
      file: 4,
      cfr: 5,
    }[region.kind];
    this.procedure('explain', () => {
      graph.assign(
        this.logits,
        traceExplanations(graph, this.#model, this.x, this.explained, [
          { settings: this.#settings, tau: this.#tau, variables: explanation },
        ]),
      );
      this.#region(kind);
    });
    // For a mask that was explained before: only counted again.
    this.procedure('count', () => this.#region(5));
  }

  #region(kind: number): void {
    const { explanation } = this;
    this.kernel(shaders.region, {
      label: 'region',
      constants: { KIND: kind },
      reads: [explanation.cam, explanation.region, this.key, this.givenMask, this.settings],
      writes: [explanation.mask, this.area],
    });
  }

  get #tau() {
    return { settings: this.settings, columns: this.columns.length, column: this.columns.indexOf('tau') };
  }

  /** The row of `settings` for one image. */
  settingsRow(settings: AttackSettings): number[] {
    return this.columns.map((name) => settings[name] as number);
  }

  get method(): M {
    return this.#method;
  }
}

/** `stepSize` -> `SET_STEP_SIZE`. */
export function settingConstant(name: string): string {
  return `SET_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
