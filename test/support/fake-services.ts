/** Services whose net, device and files are made up: commands without a GPU, in a test or in a process of its own. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { checkFinite } from '../../attack/classifier.js';
import type { Diagnosis } from '../../attack/diagnosis.js';
import type { AttackResult } from '../../attack/driver.js';
import { type MapSettings, mapSize } from '../../attack/maps.js';
import { dispose } from '../../base/disposable.js';
import { DeviceLostError, OutOfMemoryError, UserError } from '../../base/errors.js';
import { readImage, writePng } from '../../data/image-files.js';
import type { Image } from '../../data/rgb.js';
import type { Model } from '../../nets/model.js';
import { makeSpec } from '../../nets/spec.js';
import type { Console } from '../../run/console.js';
import type { NetOptions } from '../../run/options.js';
import type { Device, Services } from '../../run/services.js';

export const labels = ['cat', 'dog', 'frog', 'ship'];

export const model: Model = {
  name: 'fake-net',
  spec: makeSpec('resnet20', { classes: labels.length }),
  params: new Map(),
  labels,
  assumptions: [],
  open: [],
};

export interface FakeOptions {
  /** Called before each batch of an attack, with the number of batches before it. */
  readonly onBatch?: (batch: number) => void;
  readonly selfTestFails?: boolean;
  /** A layer of the net that gives no numbers; `diagnosisFirst`: on the first image already, else where the logits are NaN. */
  readonly diagnosis?: Diagnosis;
  readonly diagnosisFirst?: boolean;
  /** The largest batch for which the device has memory. */
  readonly fits?: number;
  /** The image for which the net gives NaN. */
  readonly notANumber?: number;
  /** Image files by name; others do not exist. */
  readonly files?: Readonly<Record<string, Image>>;
  readonly images?: number;
  /** Images of the data set whose label the net denies. */
  readonly wrong?: readonly number[];
  readonly digest?: string;
  /** Pictures are written as their first pixel alone: for tests that write thousands and look at none. */
  readonly tiny?: boolean;
  /** The net that the options give. Default: `model`. */
  readonly net?: (options: NetOptions) => Model;
}

/** An image whose pixels depend on `seed`. Its class, for the fake net, is seed % 4. */
export function image(seed: number, size = 32): Image {
  const data = Uint8Array.from({ length: 3 * size * size }, (_, i) =>
    i === 0 ? seed : (seed * 31 + i * 7) % 256,
  );
  return { width: size, height: size, data };
}

/** @param attacked takes the indices of the images of each batch, `batches` the sizes of the programs */
export function fakeServices(
  options: FakeOptions,
  console: Console,
  signal: AbortSignal,
  attacked: number[][] = [],
  batches: number[] = [],
): Services {
  const services: Services = {
    console,
    signal,
    exitCode: 0,
    invocation: { command: 'cfr', version: '1.2.3' },
    now: () => Date.UTC(2026, 0, 2, 3, 4, 5),
    loadNet: async (net) => ({ model: options.net?.(net) ?? model, digest: options.digest ?? 'abc' }),
    async openDataset(text) {
      if (text !== 'cifar10-sample') throw new UserError(`--dataset: expected cifar10-sample, got "${text}"`);
      const length = options.images ?? 10;
      return {
        name: text,
        length,
        classes: labels,
        assignment: 'labels by hand: sample/0 is 0',
        digest: async () => 'of the sample',
        get: async (index: number) => ({
          index,
          source: `sample/${index}`,
          label: (index + Number(options.wrong?.includes(index) ?? false)) % 4,
          image: image(index),
        }),
      };
    },
    async openTrainingSets() {
      throw new UserError('training: the fake services have no data for it');
    },
    async readImage(path) {
      const made = options.files?.[path];
      if (made) return made;
      return readImage(path);
    },
    async digest(path) {
      const made = options.files?.[path];
      const bytes = made ? made.data : readFileSync(path);
      return createHash('sha256').update(bytes).digest('hex');
    },
    writePng: (path, picture, syncing) =>
      writePng(
        path,
        options.tiny ? { width: 1, height: 1, data: picture.data.subarray(0, 3) } : picture,
        syncing,
      ),
    openDevice: async () => fakeDevice(options, attacked, batches),
    async reopenDevice() {
      lost = undefined;
      return services.openDevice();
    },
    cacheFolder: () => '/cache',
    close: async () => {},
  };
  return services;
}

let lost: DeviceLostError | undefined;

/** The device is lost: its calls fail until it is opened again. */
export function loseDevice(): never {
  lost = new DeviceLostError('device lost (made up): no reason; run the same command again to go on');
  // As the binding does: the call itself fails by something else.
  throw new Error('mapAsync: made up');
}

function fakeDevice(options: FakeOptions, attacked: number[][], batches: number[]): Device {
  const size = model.spec.inputSize;
  const image = 3 * size * size;
  // The first byte of an image carries its class.
  const predict = (x: Float32Array) => {
    const count = x.length / image;
    const classes = Uint32Array.from({ length: count }, (_, i) => Math.round(x[i * image]! * 255) % 4);
    const logits = new Float32Array(4 * count);
    for (const [i, winner] of classes.entries()) {
      const number = Math.round(x[i * image]! * 255) !== options.notANumber;
      logits[4 * i + winner] = number ? 5 : Number.NaN;
    }
    return { count, classes, logits };
  };
  const explain = (x: Float32Array, settings: MapSettings) => {
    const { count, classes, logits } = predict(x);
    const plane = size * size;
    const cam = Float32Array.from({ length: count * plane }, (_, i) => (i % plane) / (plane - 1));
    return {
      count,
      classes,
      logits,
      map: new Float32Array(count * mapSize(model, settings).reduce((a, b) => a * b)).map(
        (_, i) => (i % 16) / 4 - 1,
      ),
      cam,
      mask: cam.map((value) => (value >= 0.2 ? value : 0)),
      cfr: Array.from({ length: count }, () => 'ok' as const),
      cfrPixels: Array.from({ length: count }, () => 819),
    };
  };
  return {
    adapter: {
      name: 'fake',
      vendor: '',
      architecture: '',
      driver: 'made up',
      backend: 'vulkan',
      software: true,
    },
    traits: {
      software: true,
      features: new Set(['subgroups']),
      limits: {
        maxStorageBufferBindingSize: 4000,
        maxTextureDimension2D: 8192,
        maxBufferSize: 2 ** 30,
        maxComputeInvocationsPerWorkgroup: 256,
        maxComputeWorkgroupStorageSize: 16384,
        maxComputeWorkgroupsPerDimension: 65535,
      },
      samplesTextures: false,
      subgroupSize: 8,
      subgroupMatrixConfigs: [],
    },
    failure: async () => lost,
    trainer: async () => {
      throw new Error('internal: the fake device does not train');
    },
    selfTest: async () => ({
      passed: !options.selfTestFails,
      logitError: 1e-7,
      gradientError: options.selfTestFails ? 1 : 1e-6,
    }),
    firstSelfTest: async () =>
      options.selfTestFails ? { passed: false, logitError: 1e-7, gradientError: 1 } : undefined,
    diagnose: async () => options.diagnosis,
    firstDiagnosis: async () => (options.diagnosisFirst ? options.diagnosis : undefined),
    timeStep: async () => ({ milliseconds: 10, gflops: 60 }),
    largestActivation: () => 250,
    classifier: async ({ spec }, batch) => {
      batches.push(batch);
      // Nets of a std above 1/2 see the class; others are one off.
      const shift = spec.std[0] > 0.5 || options.net === undefined ? 0 : 1;
      return {
        run: async (x) => {
          const { logits } = predict(x);
          const shifted = logits.map((_, i) => logits[4 * Math.floor(i / 4) + ((i + shift) % 4)]!);
          return checkFinite(shifted, model, x);
        },
        destroy() {},
        [dispose]() {},
      };
    },
    explainers: async (_, settings, batch) => ({
      settings,
      batch,
      run: async (x) => settings.map((one) => explain(x, one)),
      destroy() {},
      [dispose]() {},
    }),
    // What it comes to depends on where it was taken up.
    fitPatch: async (_, batches, settings, { from, onState, every = 1, signal }) => {
      const patch = from?.patch.slice() ?? new Float32Array(3 * 12 * 12).fill(0.5);
      let step = from?.step ?? 0;
      while (step < Number(settings.iterations)) {
        signal?.throwIfAborted();
        patch[step % patch.length] = (batches[step % batches.length]!.labels[0]! + (step % 7)) / 16;
        step++;
        if (step % every === 0) {
          await onState?.({ patch, step, seed: settings.seed });
          options.onBatch?.(step);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }
      return { patch, step, seed: settings.seed };
    },
    attack: async (_, { method, settings }, batch) => {
      if (batch > (options.fits ?? batch))
        throw new OutOfMemoryError('compile: the device is out of memory; lower the batch');
      batches.push(batch);
      return {
        method,
        settings,
        batch,
        retuned: () => {
          throw new Error('fake: not made for it');
        },
        start: () => Promise.reject(new Error('fake: not made for it')),
        explain: async (x) => explain(x, settings),
        async run(x, given, { indices = [], signal } = {}): Promise<AttackResult> {
          options.onBatch?.(attacked.length);
          await new Promise((resolve) => setTimeout(resolve, 1));
          signal?.throwIfAborted();
          attacked.push([...indices]);
          const xAdv = x.map((value, i) => (i % image === 0 ? (Math.round(value * 255) + 1) / 255 : value));
          const after = predict(xAdv);
          return {
            ...explain(x, settings),
            xAdv,
            delta: xAdv.map((value, i) => value - x[i]!),
            logitsAdv: after.logits,
            classesAdv: after.classes,
            success: [...given].map((label, i) => after.classes[i] !== label),
            iterations: [...given].map(() => Number(settings.iterations)),
            forwards: [...given].map(() => 1),
            backwards: [...given].map(() => 1),
            found: [...given].map(() => 1),
            float: [...given].map(() => null),
            regionPixels: [...given].map(() => 1),
            trace: [...given].map(() => new Float32Array(0)),
          };
        },
        destroy() {},
        [dispose]() {},
      };
    },
  };
}
