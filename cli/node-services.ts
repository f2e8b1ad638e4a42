/** The real services of the program. What is heavy (the driver, the engine) is loaded when a command first needs it. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OnProgress } from '../base/progress.js';
import { openDataset } from '../data/datasets.js';
import { readImage, writePng } from '../data/image-files.js';
import { openTrainingSets } from '../data/training-sets.js';
import type { Engine } from '../engine/engine.js';
import { loadModel, type Model } from '../nets/model.js';
import { sha256OfFile } from '../node/download.js';
import { cacheFolder, packageFolder } from '../node/files.js';
import { remembered } from '../node/verdicts.js';
import type { Console, Progress } from '../run/console.js';
import type { NetOptions } from '../run/options.js';
import { type Device, type LoadedNet, type Services, untilInterrupted } from '../run/services.js';
import { registry } from '../weights/registry.js';
import { resolveModel } from '../weights/registry-files.js';
import { readStateDict } from '../weights/state-dict-files.js';
import { defaultModel } from './options.js';

export function nodeServices(
  console: Console,
  signal: AbortSignal,
  invocation: Services['invocation'],
): Services {
  let device: Promise<Device & { close(): void }> | undefined;
  return {
    console,
    signal,
    exitCode: 0,
    invocation,
    now: Date.now,
    // Both may fetch for minutes.
    loadNet: (options, view) => untilInterrupted(loadNet(options, view), signal),
    openDataset: (text, view, labels) =>
      untilInterrupted(openDataset(text, { onProgress: fetchProgress(view), labels }), signal),
    openTrainingSets: (text, view) =>
      untilInterrupted(openTrainingSets(text, { onProgress: fetchProgress(view) }), signal),
    readImage,
    // What a pipe gives can be read once: it is never the same again.
    digest: async (path) => ((await stat(path)).isFile() ? sha256OfFile(path) : randomUUID()),
    writePng,
    openDevice() {
      device ??= openDevice(console);
      return device;
    },
    async reopenDevice() {
      (await device?.catch(() => undefined))?.close();
      device = openDevice(console);
      return device;
    },
    cacheFolder,
    async close() {
      // Whoever opened it in vain has told.
      (await device?.catch(() => undefined))?.close();
    },
  };
}

async function loadNet(options: NetOptions, console: Console): Promise<LoadedNet> {
  const {
    weights,
    arch,
    mean,
    std,
    inputSize,
    stemPool,
    stemStride,
    lastPool,
    shortcut,
    prefix,
    ignoreExtra,
  } = options;
  const name = options.model ?? defaultModel;
  const path = weights ?? (await resolveModel(name, { onProgress: fetchProgress(console) }));
  const stateDict = await readStateDict(path);
  const digest = await sha256OfFile(path);
  const given = { arch, mean, std, inputSize, stemPool, stemStride, lastPool, shortcut, prefix, ignoreExtra };
  const model = loadModel(stateDict, {
    name: weights === undefined ? name : parse(weights).name,
    known: registry.some(({ sha256 }) => digest.startsWith(sha256)),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  });
  digests.set(model.params, digest);
  return { model, digest };
}

/** Of files, by what was read of them: models of other sizes share it. */
const digests = new WeakMap<Model['params'], string>();

/** What tells a net's answers from another's. */
function netKey({ params, spec }: Model): string {
  return JSON.stringify(['net', digests.get(params) ?? randomUUID(), spec]);
}

async function openDevice(console: Console): Promise<Device & { close(): void }> {
  const { createEngine } = await import('../node/engine.js');
  const { createClassifier, largestActivation } = await import('../attack/classifier.js');
  const { createExplainers } = await import('../attack/explain.js');
  const { fitPatch } = await import('../attack/fit.js');
  const { createAttack } = await import('../attack/driver.js');
  const { diagnose } = await import('../attack/diagnosis.js');
  const { selfTest } = await import('../run/self-test.js');
  const { timeStep } = await import('../run/step-time.js');
  const { createTrainer } = await import('../train/trainer.js');
  const engine = await createEngine({ log: (line) => console.note(line) });
  return {
    adapter: engine.adapter,
    traits: engine.traits,
    selfTest: () => selfTest(engine),
    failure: () => failureOf(engine),
    firstSelfTest: () =>
      remembered(
        'self-test',
        engine.adapter,
        () => selfTest(engine),
        ({ passed }) => passed,
      ),
    diagnose: (model, image) => diagnose(engine, model, image),
    firstDiagnosis: (model, image) =>
      remembered(
        netKey(model),
        engine.adapter,
        () => diagnose(engine, model, image),
        (found) => !found,
      ),
    timeStep: () => timeStep(engine),
    largestActivation,
    classifier: (model, batch) => createClassifier(engine, model, batch),
    explainers: (model, settings, batch) => createExplainers(engine, model, settings, batch),
    fitPatch: (model, batches, settings, options) => fitPatch(engine, model, batches, settings, options),
    attack: (model, { method, settings, mask, patch }, batch) =>
      createAttack(engine, model, { method: method.name, ...settings }, batch, mask, patch),
    trainer: (net, options) => createTrainer(engine, net, options),
    close: () => engine.close(),
  };
}

/** A loss is told a little later than the call that fails by it. */
async function failureOf(engine: Engine): Promise<Error | undefined> {
  await sleep(100);
  try {
    engine.check();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** The version that package.json states. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string })
    .version;
}

/** Tells a fetch's size first, then shows a bar. */
function fetchProgress(console: Console): OnProgress {
  let task: string | undefined;
  let bar: Progress | undefined;
  return (report) => {
    const scale = report.unit === 'bytes' ? 2 ** 20 : 1;
    const unit = report.unit === 'bytes' ? 'MiB' : report.unit;
    const total = report.total === undefined ? undefined : report.total / scale;
    if (report.task !== task) {
      bar?.stop();
      task = report.task;
      console.note(
        `${task}: ${total === undefined ? 'size not known' : `${Number(total.toPrecision(3))} ${unit}`}`,
      );
      bar = total === undefined ? undefined : console.progress(task, total, unit);
    }
    bar?.at(report.done / scale);
    if (report.total !== undefined && report.done >= report.total) {
      bar?.stop();
      bar = undefined;
    }
  };
}
