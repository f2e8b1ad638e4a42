/** `cfr fit`: one patch for many images, which `cfr attack --patch` then applies. */
import { type Command, Option } from 'commander';
import type { PatchBatch } from '../../attack/fit.js';
import { predictions } from '../../attack/logits.js';
import { advPatch } from '../../attack/methods/adv-patch.js';
import { UserError } from '../../base/errors.js';
import { toTensor } from '../../data/image.js';
import { netFacts } from '../../nets/model.js';
import type { Fingerprint, Json } from '../../report/run-files.js';
import { chooseBatch } from '../../run/batch.js';
import { openNet } from '../../run/net.js';
import type { DataOptions, NetOptions } from '../../run/options.js';
import { resumePatch, writePatch } from '../../run/patch-file.js';
import { Interrupted, type Services, untilInterrupted } from '../../run/services.js';
import { openSource, type Picture, regionMask } from '../../run/source.js';
import {
  addDataOptions,
  addNetOptions,
  addOutputOptions,
  choice,
  imagesArgument,
  imagesHelp,
  type OutputOptions,
} from '../options.js';
import { addSettings, methodSettings, type Typed, withFlags } from '../settings.js';

interface Options extends NetOptions, DataOptions, OutputOptions, Typed {
  readonly out: string;
  readonly overwrite?: boolean;
}

/** Steps between two saves. */
const SAVED_EVERY = 20;

export function registerFit(program: Command, services: Services): void {
  const command = program
    .command('fit')
    .argument(imagesArgument, imagesHelp)
    .description('Fits one patch to many images, wherever it lies in them; attack --patch applies it.');
  addDataOptions(addNetOptions(command), { label: 'predicted' });
  command.addOption(
    choice('--method <name>', 'what is fitted', [advPatch.name]).default(advPatch.name).helpGroup('Attack:'),
  );
  const { patch: _, ...table } = advPatch.table;
  addSettings(command, table, 'Attack:');
  addOutputOptions(command)
    .addOption(
      new Option('-o, --out <file>', 'the patch, saved as it comes on')
        .default('patch.safetensors')
        .helpGroup('Output:'),
    )
    .addOption(new Option('--overwrite', 'start again instead of going on').helpGroup('Output:'))
    .addHelpText(
      'after',
      `
A fit that was stopped goes on with the same command, to the same bytes.

Examples:
  cfr fit --method adv-patch --dataset cifar10-sample --limit 64 --out patch.safetensors
  cfr attack --method adv-patch --patch patch.safetensors --dataset cifar10-sample --offset 64 --limit 64`,
    )
    .action((files: string[], options: Options) => fit(files, options, services));
}

async function fit(files: readonly string[], options: Options, services: Services): Promise<void> {
  const console = services.console.with(options);
  const net = await openNet(files, options, services, console);
  const { model } = net;
  const { labels, spec } = model;
  const settings = withFlags(() =>
    advPatch.settings(methodSettings(advPatch, options, { labels, classes: spec.classes }), spec),
  );
  const source = await openSource(files, options, model, services);
  if (source.assignment !== undefined) console.note(source.assignment);
  const pictures: Picture[] = [];
  for (const index of source.indices) {
    const picture = await source.load(index);
    if (picture.label === null || picture.label !== settings.target) pictures.push(picture);
  }
  if (pictures.length === 0)
    throw new UserError('images: expected some that are not of the target class already, got none');
  const device = await services.openDevice();
  const size = chooseBatch(device, model, pictures.length, options.batch, console);
  const fingerprint: Fingerprint = {
    method: advPatch.name,
    weights: net.digest,
    net: netFacts(model) as unknown as Json,
    images: await source.identity(),
    indices: pictures.map(({ index }) => index),
    label: source.label,
    preprocess: options.preprocess,
    batch: size,
    settings: settings as unknown as Json,
  };
  const from = options.overwrite ? undefined : await resumePatch(options.out, fingerprint);
  const steps = settings.iterations as number;
  if (from) console.note(`${options.out}: ${from.step} of ${steps} steps are done`);
  let saved = from?.step ?? 0;
  const progress = console.progress('fit', steps, 'steps');
  try {
    const batches = await patchBatches(pictures, size);
    if (!source.labelled) await takePredictions(batches, services, model, size);
    const state = await untilInterrupted(
      device.fitPatch(model, batches, settings, {
        from,
        mask: await regionMask(settings.region, spec, services),
        signal: services.signal,
        every: SAVED_EVERY,
        async onState(reached) {
          await writePatch(options.out, reached, fingerprint);
          saved = reached.step;
          progress.at(saved);
        },
      }),
      services.signal,
    );
    await writePatch(options.out, state, fingerprint);
    if (console.json)
      console.document({
        patch: options.out,
        steps: state.step,
        images: pictures.length,
        batch: size,
        settings,
      });
    else
      console.say(
        `${options.out}: a patch of ${state.step} steps on ${pictures.length} images\napply it: cfr attack --method adv-patch --patch ${options.out}`,
      );
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(
      `interrupted: ${saved} of ${steps} steps are saved in ${options.out}; the same command goes on from there`,
      error.pending,
    );
  } finally {
    progress.stop();
  }
}

/** Batches of one size; the last is filled up with the first images. */
async function patchBatches(pictures: readonly Picture[], size: number): Promise<PatchBatch[]> {
  const elements = toTensor(pictures[0]!.image).length;
  return Array.from({ length: Math.ceil(pictures.length / size) }, (_, batch) => {
    const own = Array.from({ length: size }, (_, at) => pictures[(batch * size + at) % pictures.length]!);
    const x = new Float32Array(size * elements);
    for (const [at, { image }] of own.entries()) x.set(toTensor(image), at * elements);
    return { x, labels: Uint32Array.from(own, ({ label }) => label ?? 0) };
  });
}

/** Images without a label take the net's own prediction. */
async function takePredictions(
  batches: readonly PatchBatch[],
  services: Services,
  model: Parameters<typeof netFacts>[0],
  size: number,
): Promise<void> {
  const classifier = await (await services.openDevice()).classifier(model, size);
  for (const { x, labels } of batches) labels.set(predictions(await classifier.run(x), model.spec.classes));
  classifier.destroy();
}
