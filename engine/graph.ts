/**
 * The static graph: symbolic tensors of known shape, traced once. Nothing here touches the GPU; `Engine.compile` turns a
 * graph into a program. Every op method checks its operands' shapes at once and throws a `ShapeError`.
 */
import { KernelError, UserError } from '../base/errors.js';
import copyText from '../shaders/copy.wgsl';
import { type ShaderSource, shaderSource } from '../shaders/source.js';
import { flatGrid, MAX_BUFFERS } from './dispatch.js';
import { foldBatchNorm } from './fold.js';
import type { OpAttributes, OpName } from './ops/attributes.js';
import { ops } from './ops/index.js';
import { batchNormTrainingAttributes } from './ops/normalisation.js';
import { plainEpilogue } from './ops/row.js';
import { type ConstantSource, parameter } from './parameter.js';
import { type DType, pair, type Shape, ShapeError, sizeOf } from './shape.js';
import type { ShaderConstant } from './template.js';
import type { CustomKernel, OpSource, Procedure, Source, Tensor, Tracer, Variable } from './tensor.js';

export { type ConstantSource, parameter } from './parameter.js';
export { type DType, type Shape, ShapeError, sizeOf } from './shape.js';
export type { CustomKernel, OpSource, Procedure, Tensor, Variable } from './tensor.js';

const copyShader = shaderSource('copy', copyText);

/** A compute shader of one's own and what it is bound to: `reads`, then `writes`, then `outputs`, from binding 0 of group 0 on. */
export interface CustomKernelOptions {
  /** Its name in errors and profiles. */
  readonly label: string;
  /** WGSL with the entry point `main`. */
  readonly shader: ShaderSource;
  /** Replaces these names in the source, and decides its `//#if` lines. */
  readonly constants?: Readonly<Record<string, ShaderConstant>>;
  /** Tensors that it reads. Default: none. */
  readonly reads?: readonly Tensor[];
  /** Variables that it changes; each binding is `read_write`. Default: none. */
  readonly writes?: readonly Variable[];
  /** Shapes of fresh outputs; each is written whole by the kernel. */
  readonly outputs?: readonly {
    /** Of the output. */
    readonly shape: Shape;
    /** Default f32. */
    readonly dtype?: DType;
  }[];
  /** Workgroups in x, y, z, each from 1 to 65535. */
  readonly workgroups: readonly [number, number, number];
}

/** Windows of a convolution or pooling; one value for both axes, or height and width. */
export interface ConvOptions {
  /** Default 1. */
  readonly stride?: number | readonly [number, number];
  /** Symmetric zero padding. Default 0. */
  readonly padding?: number | readonly [number, number];
}

/** Windows of a pooling. */
export interface PoolOptions extends ConvOptions {
  /** Size of the window. */
  readonly kernel: number | readonly [number, number];
}

/** A static graph: inputs, constants, variables, ops on them, and the procedures that they are traced in. Fixed shapes; nothing runs before it is compiled. */
export class Graph implements Tracer {
  /** What was traced, by name. */
  readonly procedures = new Map<string, Procedure>();
  #current: { name: string; outputs: Record<string, Tensor>; kernels: CustomKernel[] } | undefined;
  #next = 0;
  readonly #names = new Set<string>();
  /** One tensor for each source that was handed over. */
  readonly #constants = new Map<ConstantSource, Tensor>();

  /**
   * Traces a procedure: every op and kernel called inside belongs to it, and the returned tensors are its readable outputs.
   * Values for other procedures, or for the next run, go into variables (`assign`).
   */
  procedure(name: string, trace: () => Readonly<Record<string, Tensor>> | undefined): void {
    if (this.#current)
      throw new ShapeError(
        `procedure "${name}": expected no procedure being traced, got "${this.#current.name}"`,
      );
    if (this.procedures.has(name))
      throw new ShapeError(`procedure "${name}": expected a fresh name, got one already traced`);
    const procedure = { name, outputs: {} as Record<string, Tensor>, kernels: [] as CustomKernel[] };
    this.#current = procedure;
    try {
      const outputs: unknown = trace() ?? {};
      if (outputs instanceof Promise) {
        // What it does later is refused there; the one error is this.
        outputs.catch(() => {});
        throw new ShapeError(
          `procedure "${name}": expected a function that traces at once, got an async one`,
        );
      }
      for (const [output, tensor] of Object.entries(outputs as Record<string, Tensor | undefined>)) {
        if (tensor?.graph !== this)
          throw new ShapeError(
            `procedure "${name}": expected tensors of this graph as outputs, got ${typeof tensor} as "${output}"`,
          );
      }
      Object.assign(procedure.outputs, outputs);
      this.procedures.set(name, procedure);
    } finally {
      this.#current = undefined;
    }
  }

  /** A tensor that the host writes before a run (`Program.write`). u32 holds labels. */
  input(name: string, shape: Shape, dtype: DType = 'f32'): Tensor {
    this.#named('input', name, dtype);
    return this.#tensor(checkShape(`input "${name}"`, shape), { kind: 'input', name }, dtype);
  }

  /**
   * A fixed f32 tensor. `data` is kept by reference and must not change; a function is called when the graph is compiled, and gives the same values each
   * time. A `parameter` of this shape is the same tensor every time.
   */
  constant(name: string, shape: Shape, data: Float32Array | (() => Float32Array) | ConstantSource): Tensor {
    checkShape(`constant "${name}"`, shape);
    if (typeof data === 'function' || data instanceof Float32Array) {
      const source = parameter(name, shape, data);
      if (typeof data !== 'function') source.values();
      return this.#tensor(shape, source);
    }
    if (data.shape.join() !== shape.join()) {
      throw new ShapeError(
        `constant "${name}": expected a parameter [${shape.join(', ')}], got one [${data.shape.join(', ')}]`,
      );
    }
    const constant = this.#constants.get(data) ?? this.#tensor(shape, data);
    this.#constants.set(data, constant);
    return constant;
  }

  /** A buffer that persists between runs; zero at first. Custom kernels may write it, the host may write and read it. */
  variable(name: string, shape: Shape, dtype: DType = 'f32'): Variable {
    this.#named('variable', name, dtype);
    return this.#tensor(
      checkShape(`variable "${name}"`, shape),
      { kind: 'variable', name },
      dtype,
    ) as Variable;
  }

  /** x [n, c, h, w], weight [o, c, kh, kw], bias [o] -> [n, o, h', w']; cross-correlation as in PyTorch. */
  conv2d(x: Tensor, weight: Tensor, bias?: Tensor, options: ConvOptions = {}): Tensor {
    expectOptions('conv2d', options, ['stride', 'padding']);
    return this.op(
      'conv2d',
      {
        stride: pair(options.stride ?? 1),
        padding: pair(options.padding ?? 0),
        weightLayout: 'oihw',
        epilogue: plainEpilogue(bias !== undefined),
      },
      bias ? [x, weight, bias] : [x, weight],
    );
  }

  /** x [n, k] times weight^T [o, k] plus bias [o] -> [n, o] (torch.nn.functional.linear). */
  linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
    return this.op(
      'matmul',
      {
        transposeA: false,
        transposeB: true,
        epilogue: plainEpilogue(bias !== undefined),
      },
      bias ? [x, weight, bias] : [x, weight],
    );
  }

  /** a [m, k] times b [k, n] -> [m, n]; a is stored [k, m] with transposeA, b is stored [n, k] with transposeB. */
  matmul(a: Tensor, b: Tensor, options: { transposeA?: boolean; transposeB?: boolean } = {}): Tensor {
    expectOptions('matmul', options, ['transposeA', 'transposeB']);
    return this.op(
      'matmul',
      {
        transposeA: options.transposeA ?? false,
        transposeB: options.transposeB ?? false,
        epilogue: plainEpilogue(false),
      },
      [a, b],
    );
  }

  /** max(x, 0); its gradient at 0 is 0. */
  relu(x: Tensor): Tensor {
    return this.op('relu', {}, [x]);
  }

  /** Elementwise sum of two tensors of one shape. */
  add(a: Tensor, b: Tensor): Tensor {
    return this.op('add', {}, [a, b]);
  }

  /** Elementwise product of two tensors of one shape. */
  multiply(a: Tensor, b: Tensor): Tensor {
    return this.op('multiply', {}, [a, b]);
  }

  /** x times a number. */
  scale(x: Tensor, factor: number): Tensor {
    return this.op('scale', { factor }, [x]);
  }

  /**
   * Dropout in training (Srivastava et al. 2014): each value is 0 with probability `rate`, else divided by 1 - rate.
   * @param key u32 [2]: seed and step; the same key drops the same values
   * @param options rate in [0, 1), default .5; stream: tells the dropouts of one net apart, default 0
   */
  dropout(
    x: Tensor,
    key: Tensor,
    options: { readonly rate?: number; readonly stream?: number } = {},
  ): Tensor {
    expectOptions('dropout', options, ['rate', 'stream']);
    return this.op('dropout', { rate: options.rate ?? 0.5, stream: options.stream ?? 0 }, [x, key]);
  }

  /** Per channel (axis 1): x * scale[c] + shift[c]; x [n, c, ...]. Normalisation is scale 1/std, shift -mean/std. */
  scaleShift(x: Tensor, scale: Tensor, shift: Tensor): Tensor {
    return this.op('scaleShift', {}, [x, scale, shift]);
  }

  /** Batch-norm with running statistics (inference): (x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel. */
  batchNorm(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor, epsilon = 1e-5): Tensor {
    const folded = foldBatchNorm(this, x, [gamma, beta, mean, variance], epsilon);
    return folded ?? this.op('batchNorm', { epsilon }, [x, gamma, beta, mean, variance]);
  }

  /**
   * Batch-norm in training: by the mean and variance of the batch itself, differentiated through both.
   * @param x [n, c, ...] with more than one value for each channel; gamma, beta [c]
   * @returns y, and the moments [2, c]: means, then variances over all values of a channel (the running variance takes them times m / (m - 1), m being their number)
   */
  batchNormTraining(
    x: Tensor,
    gamma: Tensor,
    beta: Tensor,
    epsilon = 1e-5,
  ): {
    /** Of x's shape. */
    y: Tensor;
    /** [2, c] */
    moments: Tensor;
  } {
    const moments = this.op('batchMoments', {}, [x]);
    const attributes = batchNormTrainingAttributes(epsilon);
    return { y: this.op('batchNormTraining', attributes, [x, gamma, beta, moments]), moments };
  }

  /** Max pooling, padding with minus infinity; ties go to the first index in row-major order, as in PyTorch. */
  maxPool2d(x: Tensor, options: PoolOptions): Tensor {
    return this.op('maxPool2d', poolAttributes('maxPool2d', options), [x]);
  }

  /** Average pooling; padding counts as zeros in the average (count_include_pad, PyTorch's default). */
  avgPool2d(x: Tensor, options: PoolOptions): Tensor {
    return this.op('avgPool2d', poolAttributes('avgPool2d', options), [x]);
  }

  /** Adaptive average pooling to `size`; window i spans floor(i*H/size) .. ceil((i+1)*H/size). */
  adaptiveAvgPool2d(x: Tensor, size: number | readonly [number, number]): Tensor {
    return this.op('adaptiveAvgPool2d', { size: pair(size) }, [x]);
  }

  /** Mean over the spatial axes: [n, c, h, w] -> [n, c]. */
  globalAvgPool(x: Tensor): Tensor {
    return this.flatten(this.adaptiveAvgPool2d(x, 1));
  }

  /** [n, ...] -> [n, product]. */
  flatten(x: Tensor): Tensor {
    return this.op('reshape', { shape: [x.shape[0] ?? 1, sizeOf(x.shape.slice(1))] }, [x]);
  }

  /** Same values in another shape. */
  reshape(x: Tensor, shape: Shape): Tensor {
    return this.op('reshape', { shape }, [x]);
  }

  /** Softmax over the last axis of [n, k]. */
  softmax(x: Tensor): Tensor {
    return this.op('softmax', {}, [x]);
  }

  /**
   * Per-row cross-entropy -log softmax(logits)[label]: logits [n, k], labels u32 [n] -> [n].
   * @param options smoothing: this share of the target, in [0, 1), is divided among all classes (PyTorch's label_smoothing). Default 0.
   */
  crossEntropy(logits: Tensor, labels: Tensor, options: { readonly smoothing?: number } = {}): Tensor {
    expectOptions('crossEntropy', options, ['smoothing']);
    return this.op('crossEntropy', { smoothing: options.smoothing ?? 0 }, [logits, labels]);
  }

  /** Per-row cross-entropy with soft targets, -sum(targets * log softmax(logits)): both [n, k] -> [n]. The targets are not differentiated. */
  softCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
    return this.op('softCrossEntropy', {}, [logits, targets]);
  }

  /** The sum of each row: [n, ...] -> [n]. */
  sumRows(x: Tensor): Tensor {
    return this.op('rowSum', {}, [x]);
  }

  /** The sum of all values, [1]. */
  sum(x: Tensor): Tensor {
    return this.sumRows(this.reshape(x, [1, sizeOf(x.shape)]));
  }

  /** The mean of all values, [1]. */
  mean(x: Tensor): Tensor {
    return this.scale(this.sum(x), 1 / sizeOf(x.shape));
  }

  /** One column per row: x [n, k], index u32 [n] -> [n]. */
  gather(x: Tensor, index: Tensor): Tensor {
    return this.op('gather', {}, [x, index]);
  }

  /** Option A shortcut (He et al. 2016): every `stride`-th pixel, channels zero-padded evenly to `channels`. */
  subsamplePad(x: Tensor, options: { stride: number; channels: number }): Tensor {
    expectOptions('subsamplePad', options, ['stride', 'channels']);
    return this.op('subsamplePad', { stride: options.stride, channels: options.channels }, [x]);
  }

  /** Bilinear resize with half-pixel centres (align_corners=False), no antialiasing: [n, c, h, w] -> [n, c, ...size]. */
  resizeBilinear(x: Tensor, size: readonly [number, number]): Tensor {
    return this.op('resizeBilinear', { size }, [x]);
  }

  /** Traces one op of the table: checks shapes, returns the symbolic result. */
  op<K extends OpName>(op: K, attributes: OpAttributes[K], inputs: readonly Tensor[]): Tensor {
    for (const input of inputs) this.#own(op, input);
    const shape = ops[op].shape(attributes, inputs);
    return this.#tensor(shape, { kind: 'op', op, attributes, inputs } as OpSource);
  }

  /** Adds a compute shader of the caller's own; returns its outputs. See `CustomKernel`. */
  custom(options: CustomKernelOptions): Tensor[] {
    const outputs: Tensor[] = [];
    const procedure = this.#tracing(options.label);
    expectOptions(options.label, options, CUSTOM_OPTIONS);
    expectBindings(options);
    const kernel: CustomKernel = {
      procedure,
      label: options.label,
      shader: options.shader,
      constants: options.constants ?? {},
      reads: options.reads ?? [],
      writes: options.writes ?? [],
      outputs,
      workgroups: options.workgroups,
      id: this.#next++,
    };
    for (const tensor of [...kernel.reads, ...kernel.writes]) this.#own(kernel.label, tensor);
    for (const [output, { shape, dtype }] of (options.outputs ?? []).entries()) {
      outputs.push(this.#tensor(checkShape(kernel.label, shape), { kind: 'custom', kernel, output }, dtype));
    }
    procedure.kernels.push(kernel);
    return outputs;
  }

  /** Copies `value` into `variable` at this place of the procedure. */
  assign(variable: Variable, value: Tensor): void {
    if (sizeOf(variable.shape) !== sizeOf(value.shape) || variable.dtype !== value.dtype) {
      throw new ShapeError(
        `assign: expected ${variable.dtype} [${variable.shape.join(', ')}], got ${value.dtype} [${value.shape.join(', ')}]`,
      );
    }
    const count = sizeOf(value.shape);
    const grid = flatGrid(count);
    this.custom({
      label: 'assign',
      shader: copyShader,
      constants: { COUNT: count, ROW: grid.row },
      reads: [value],
      writes: [variable],
      workgroups: grid.workgroups,
    });
  }

  #tensor(shape: Shape, source: Source, dtype: DType = 'f32'): Tensor {
    const computed = source.kind === 'op' || source.kind === 'custom';
    const procedure = computed
      ? this.#tracing(source.kind === 'op' ? source.op : source.kernel.label)
      : undefined;
    return { id: this.#next++, shape: [...shape], dtype, source, graph: this, procedure };
  }

  /** Inputs and variables: what the host names. */
  #named(kind: string, name: string, dtype: DType): void {
    if (dtype !== 'f32' && dtype !== 'u32')
      throw new ShapeError(`${kind} "${name}": expected the dtype f32 or u32, got ${String(dtype)}`);
    if (this.#names.has(name))
      throw new ShapeError(`${kind} "${name}": expected a fresh name, got that of another input or variable`);
    this.#names.add(name);
  }

  #tracing(where: string) {
    if (!this.#current) throw new ShapeError(`${where}: expected to be called inside graph.procedure(...)`);
    return this.#current;
  }

  #own(where: string, tensor: Tensor): void {
    if (tensor.graph !== this)
      throw new ShapeError(`${where}: expected tensors of this graph, got one of another graph`);
    if (tensor.procedure && tensor.procedure !== this.#current) {
      throw new ShapeError(
        `${where}: expected tensors of procedure "${this.#current?.name}", got one of "${tensor.procedure.name}"; keep it in a variable`,
      );
    }
  }
}

function poolAttributes(where: string, options: PoolOptions) {
  expectOptions(where, options, ['kernel', 'stride', 'padding']);
  const kernel = pair(options.kernel);
  return { kernel, stride: pair(options.stride ?? kernel), padding: pair(options.padding ?? 0) };
}

const CUSTOM_OPTIONS = ['label', 'shader', 'constants', 'reads', 'writes', 'outputs', 'workgroups'] as const;

/** JavaScript callers have no compiler: an option that an op does not have would be ignored without a word. */
function expectOptions(where: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new UserError(`${where}: expected the options ${known.join(', ')}, got ${unknown.join(', ')}`);
}

function expectBindings({ label, reads = [], writes = [], outputs = [] }: CustomKernelOptions): void {
  const names = [...reads, ...writes].map(({ id, source }) =>
    'name' in source ? source.name : `tensor ${id}`,
  );
  names.push(...outputs.map((_, i) => `output ${i}`));
  if (names.length <= MAX_BUFFERS) return;
  throw new KernelError(
    `${label}: expected at most ${MAX_BUFFERS} tensors bound to one kernel, got ${names.length} (${names.join(', ')}); pack some into one`,
  );
}

function checkShape(where: string, shape: Shape): Shape {
  if (shape.length === 0 || !shape.every((extent) => Number.isInteger(extent) && extent > 0)) {
    throw new ShapeError(`${where}: expected a shape of positive integers, got [${shape.join(', ')}]`);
  }
  return shape;
}
