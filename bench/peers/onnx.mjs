/**
 * Writes a unit of work as an ONNX model: the few message types and fields of onnx.proto3 that this takes, by hand, so that no
 * protobuf compiler is needed. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 */
import { readTensor } from './worker.mjs';

const IR_VERSION = 8;
const OPSET = 13;
const FLOAT = 1;
const INT64 = 7;

/** @returns {Uint8Array} input `x`, output `y` */
export function onnxModel(folder, unit) {
  const initializers = Object.entries(unit.tensors).map(([name, stored]) =>
    tensor(name, stored.shape, FLOAT, readTensor(folder, stored)),
  );
  const nodes = [];
  for (const { id, op, attributes, inputs, shape } of unit.nodes) {
    const translate = TRANSLATE[op];
    if (!translate) throw new Error(`onnx: no ${op} here`);
    const constant = (suffix, dims, type, values) => {
      initializers.push(tensor(`${id}_${suffix}`, dims, type, values));
      return `${id}_${suffix}`;
    };
    const output = id === unit.output ? 'y' : id;
    nodes.push(...translate({ id, output, attributes, inputs, shape, constant, tensors: unit.tensors }));
  }
  const { shape: outputShape } = unit.nodes.find(({ id }) => id === unit.output);
  const graph = message(
    ...nodes.map((bytes) => field(1, bytes)),
    field(2, 'work'),
    ...initializers.map((bytes) => field(5, bytes)),
    field(11, valueInfo('x', unit.input.shape)),
    field(12, valueInfo('y', outputShape)),
  );
  return message(
    field(1, IR_VERSION),
    field(2, 'cfr-attack'),
    field(7, graph),
    field(8, message(field(1, ''), field(2, OPSET))),
  );
}

const one = (type, inputs, output, attributes) => [node(type, inputs, [output], attributes)];

const TRANSLATE = {
  conv2d: ({ inputs, output, attributes: { stride, padding }, tensors }) =>
    one('Conv', inputs, output, {
      kernel_shape: tensors[inputs[1]].shape.slice(2),
      strides: stride,
      pads: [...padding, ...padding],
    }),
  relu: ({ inputs, output }) => one('Relu', inputs, output),
  add: ({ inputs, output }) => one('Add', inputs, output),
  maxPool2d: ({ inputs, output, attributes: { kernel, stride, padding } }) =>
    one('MaxPool', inputs, output, { kernel_shape: kernel, strides: stride, pads: [...padding, ...padding] }),
  adaptiveAvgPool2d: ({ inputs, output, attributes: { size } }) => {
    if (size.join() !== '1,1') throw new Error(`onnx: no adaptive pooling to ${size.join('x')} here`);
    return one('GlobalAveragePool', inputs, output);
  },
  reshape: ({ inputs, output, shape, constant }) => {
    if (shape.length === 2) return one('Flatten', inputs, output, { axis: 1 });
    return one('Reshape', [...inputs, constant('shape', [shape.length], INT64, shape)], output);
  },
  matmul: ({ inputs, output, attributes: { transposeA, transposeB } }) =>
    one('Gemm', inputs, output, { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 }),
  scaleShift: ({ id, inputs: [x, scale, shift], output, constant, tensors }) => {
    const { shape } = tensors[scale];
    const dims = constant('dims', [4], INT64, [1, shape[0], 1, 1]);
    return [
      node('Reshape', [scale, dims], [`${id}_scale`]),
      node('Reshape', [shift, dims], [`${id}_shift`]),
      node('Mul', [x, `${id}_scale`], [`${id}_scaled`]),
      node('Add', [`${id}_scaled`, `${id}_shift`], [output]),
    ];
  },
};

function node(type, inputs, outputs, attributes = {}) {
  return message(
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, type),
    ...Object.entries(attributes).map(([name, value]) => field(5, attribute(name, value))),
  );
}

function attribute(name, value) {
  const INT = 2;
  const INTS = 7;
  if (typeof value === 'number') return message(field(1, name), field(3, value), field(20, INT));
  return message(field(1, name), ...value.map((item) => field(8, item)), field(20, INTS));
}

function tensor(name, dims, type, values) {
  const raw = type === FLOAT ? Float32Array.from(values) : BigInt64Array.from(values, BigInt);
  return message(
    ...dims.map((dim) => field(1, dim)),
    field(2, type),
    field(8, name),
    field(9, new Uint8Array(raw.buffer)),
  );
}

function valueInfo(name, shape) {
  const dims = message(...shape.map((size) => field(1, message(field(1, size)))));
  return message(field(1, name), field(2, message(field(1, message(field(1, FLOAT), field(2, dims))))));
}

/** A field of a protobuf message: an integer as a varint, text and bytes with their length. */
export function field(number, value) {
  if (typeof value === 'number') return message(varint(number << 3), varint(value));
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return message(varint((number << 3) | 2), varint(bytes.length), bytes);
}

/** @param {...Uint8Array} parts */
function message(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Little-endian groups of 7 bits; of integers up to 2^53, none negative. */
function varint(value) {
  const bytes = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
