/** `cfr train`: a net on a data set, plainly or against an adversary, on the same engine that attacks it. */
import { type Command, Option } from 'commander';
import { UserError } from '../../base/errors.js';
import { initialiseModel } from '../../nets/initialise.js';
import type { Model } from '../../nets/model.js';
import { ARCHITECTURES, makeSpec, type NetSpec, type Size } from '../../nets/spec.js';
import { adapterText, type Services } from '../../run/services.js';
import { runTraining } from '../../run/training.js';
import { loadImages } from '../../run/training-data.js';
import type { Stage, TrainOptions, TrainSettings } from '../../train/settings.js';
import {
  addOutputOptions,
  choice,
  inputSize,
  integer,
  type OutputOptions,
  real,
  takeOverOption,
  value,
} from '../options.js';

interface Options extends OutputOptions, TrainOptions {
  readonly dataset: string;
  readonly out: string;
  readonly weights?: string;
  readonly width?: number;
  readonly inputSize?: Size;
  readonly lr?: number;
  readonly resolution?: readonly Stage[];
  readonly limit?: number;
  readonly save: number;
  readonly evaluate: number;
  readonly overwrite?: boolean;
}

export function registerTrain(program: Command, services: Services): void {
  const command = program
    .command('train')
    .argument('[net]', 'architecture: resnet18, vgg11_bn, resnet20… (or --weights to go on from a net)')
    .description('Trains a net, plainly or adversarially; writes a file that every other command takes.');
  const group = (heading: string) => (option: Option) => command.addOption(option.helpGroup(heading));
  const net = group('Net:');
  net(new Option('-w, --weights <file>', 'start from these weights, with their architecture'));
  net(
    value(
      '--width <channels>',
      'of the first stage; the others in proportion',
      integer('--width', { min: 1 }),
    ),
  );
  net(
    value(
      '--input-size <H[xW]>',
      "height and width (default: the images' own up to 128, else 224)",
      inputSize,
    ),
  );
  const images = group('Images:');
  images(
    new Option(
      '-d, --dataset <data>',
      'cifar10[:DIR], cifar10-sample, cifar100:DIR, imagefolder:DIR (with train and val), imagenet:DIR, csv:FILE or npz:FILE',
    ).default('cifar10'),
  );
  images(value('--limit <count>', 'train on so many of the images', integer('--limit', { min: 1 })));
  images(
    value(
      '--border <pixels>',
      'of the random crops (default: an eighth of the size)',
      integer('--border', { min: 0, max: 256 }),
    ),
  );
  images(new Option('--no-flip', 'do not mirror images'));
  const training = group('Training:');
  training(
    value('--epochs <count>', 'passes over the images (default: 30)', integer('--epochs', { min: 1 })),
  );
  training(
    value('--batch <count>', 'images of a step (default: 128)', integer('--batch', { min: 1, max: 4096 })),
  );
  training(
    value('--lr <rate>', 'highest learning rate (default: by net and batch)', real('--lr', { above: 0 })),
  );
  training(
    choice('--schedule <name>', 'of the learning rate (default: one-cycle)', [
      'one-cycle',
      'cosine',
      'constant',
    ]),
  );
  training(
    value(
      '--resolution <plan>',
      'SIZExEPOCHS,…: first epochs on smaller images, such as 16x12,24x6,32x4',
      resolutions,
    ),
  );
  training(choice('--optimiser <name>', '(default: sgd)', ['sgd', 'adam', 'adamw']));
  training(value('--momentum <share>', 'of SGD (default: 0.9)', real('--momentum', { min: 0, max: 0.9999 })));
  training(value('--decay <rate>', 'weight decay (default: 0.0005)', real('--decay', { min: 0 })));
  training(
    value('--smoothing <share>', 'label smoothing (default: 0)', real('--smoothing', { min: 0, max: 0.99 })),
  );
  training(
    value(
      '--dropout <rate>',
      'behind hidden layers of the head (default: 0.5)',
      real('--dropout', { min: 0, max: 0.99 }),
    ),
  );
  training(
    value(
      '--average <share>',
      'that the running average keeps in a step (default: 0.998)',
      real('--average', { min: 0, max: 0.99999 }),
    ),
  );
  training(
    value(
      '--seed <number>',
      'of everything random (default: 0)',
      integer('--seed', { min: 0, max: 2 ** 32 - 1 }),
    ),
  );
  const adversary = group('Adversary:');
  adversary(
    choice('--at <kind>', 'adversarial training: FGSM from a random start, or PGD', ['none', 'fast', 'pgd']),
  );
  adversary(
    value(
      '--epsilon <radius>',
      'linf radius in pixels from 0 to 1 (default: 8/255)',
      real('--epsilon', { above: 0, max: 1 }),
    ),
  );
  adversary(
    value(
      '--alpha <step>',
      'its step (default: fast 10/255, pgd 2/255)',
      real('--alpha', { above: 0, max: 1 }),
    ),
  );
  adversary(
    value(
      '--attack-steps <count>',
      'its steps (default: fast 1, pgd 7)',
      integer('--attack-steps', { min: 1, max: 1000 }),
    ),
  );
  const output = group('Output:');
  output(new Option('-o, --out <folder>', 'checkpoint, log, curves and the net').default('training'));
  output(value('--save <minutes>', 'between two checkpoints', real('--save', { above: 0 })).default(5));
  output(
    value(
      '--evaluate <count>',
      'test images after each epoch; after the last all',
      integer('--evaluate', { min: 1 }),
    ).default(1000),
  );
  output(new Option('--overwrite', 'start again instead of going on'));
  output(takeOverOption());
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
A run that was stopped, however, goes on with the same command, to the same bytes.

Examples:
  cfr train resnet20 --resolution 16x12,24x6,32x4 --out r20
  cfr train resnet18 --width 32 --at fast --epochs 15 --out robust
  cfr train vgg11_bn --dataset imagefolder:flowers --input-size 64 --out flowers
  cfr classify --weights r20/resnet20-cifar10.safetensors --dataset cifar10-sample`,
    )
    .action((name: string | undefined, options: Options) => train(name, options, services));
}

async function train(arch: string | undefined, options: Options, services: Services): Promise<void> {
  const console = services.console.with(options);
  if ((arch === undefined) === (options.weights === undefined))
    throw new UserError(
      'net: expected an architecture, such as resnet20, or --weights FILE, got neither or both',
    );
  const sets = await services.openTrainingSets(options.dataset, console);
  const net = await chooseNet(arch, options, sets, services);
  const { spec } = net;
  const all = await loadImages(sets.train, spec, console, services.signal);
  const data =
    options.limit === undefined
      ? all
      : {
          ...all,
          length: Math.min(options.limit, all.length),
          labels: all.labels.subarray(0, options.limit),
        };
  const test = await loadImages(sets.test, spec, console, services.signal);
  const device = await services.openDevice();
  const trainer = await device.trainer(net, { data, ...recipe(options) });
  try {
    const { settings, steps } = trainer;
    console.note(
      `${spec.arch}, ${spec.classes} classes, on ${data.length} images of ${sets.dataset}, tested on ${sets.how}: ${settings.epochs} epochs of ${trainer.stepsPerEpoch} steps (${steps}), ${adapterText(device.adapter)}`,
    );
    const name = nameOf(spec, settings, sets.dataset);
    const done = await runTraining(
      {
        folder: options.out,
        name,
        dataset: sets.dataset,
        test,
        recipe: recipeText(settings),
        every: options.save,
        evaluated: options.evaluate,
        overwrite: options.overwrite ?? false,
        takeOver: services.takeOver ?? false,
      },
      trainer,
      device,
      console,
      services.signal,
    );
    if (console.json) console.document({ ...done, settings });
    else {
      const robust = done.robust === undefined ? '' : `, ${(100 * done.robust).toFixed(1)} % under PGD`;
      console.say(
        `${done.path}: ${(100 * done.accuracy).toFixed(2)} % of ${test.length} test images${robust}`,
      );
    }
  } finally {
    trainer.destroy();
  }
}

/** Images up to this side are taken as they are. */
const LARGEST_NATIVE = 128;

async function chooseNet(
  arch: string | undefined,
  options: Options,
  sets: Awaited<ReturnType<Services['openTrainingSets']>>,
  services: Services,
): Promise<Model> {
  const { classes } = sets.train;
  if (options.weights !== undefined) {
    const { model } = await services.loadNet(
      { weights: options.weights, ...(options.inputSize ? { inputSize: options.inputSize } : {}) },
      services.console,
    );
    if (model.spec.classes !== classes.length)
      throw new UserError(
        `${options.weights}: expected ${classes.length} classes, as the data have, got ${model.spec.classes}`,
      );
    return model;
  }
  const { image } = await sets.train.get(0);
  const native = Math.max(image.height, image.width) <= LARGEST_NATIVE;
  const size: Size = options.inputSize ?? (native ? [image.height, image.width] : [224, 224]);
  const form = Math.min(...size) <= 64 ? 'cifar' : 'imagenet';
  const plain = makeSpec(arch!);
  const cifar = sets.dataset === 'cifar10' || sets.dataset === 'cifar100';
  const spec = makeSpec(arch!, {
    form: plain.family === 'resnet-cifar' ? 'cifar' : form,
    classes: classes.length,
    inputSize: size,
    ...(options.width === undefined ? {} : { widths: scaled(plain, options.width) }),
    // Data that nobody has measured: about what natural images have.
    ...(cifar ? {} : { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
  });
  return { ...initialiseModel(spec, options.seed ?? 0), labels: classes };
}

function scaled({ arch, widths }: NetSpec, first: number): number[] {
  const made = widths.map((width) => (width * first) / widths[0]!);
  if (!made.every(Number.isInteger))
    throw new UserError(
      `--width: expected a number that makes all stages of ${arch} (${widths.join(', ')}) whole, got ${first}`,
    );
  return made;
}

function recipe({ lr, resolution, ...options }: Options): TrainOptions {
  const names = [
    'epochs',
    'batch',
    'schedule',
    'optimiser',
    'momentum',
    'decay',
    'smoothing',
    'dropout',
    'average',
    'seed',
    'border',
    'flip',
    'at',
    'epsilon',
    'alpha',
    'attackSteps',
  ] as const;
  const given = names.flatMap((name) =>
    options[name] === undefined ? [] : [[name, options[name]] as const],
  );
  return {
    ...Object.fromEntries(given),
    ...(lr === undefined ? {} : { rate: lr }),
    ...(resolution === undefined ? {} : { stages: resolution }),
  };
}

/** `16x12,24x6`: 12 epochs at 16x16, then 6 at 24x24. */
export function resolutions(text: string): Stage[] {
  return text.split(',').map((part) => {
    const [, size, epochs] = /^(\d+)x(\d+)$/.exec(part.trim()) ?? [];
    if (!(Number(size) >= 8 && Number(epochs) >= 1))
      throw new UserError(
        `--resolution: expected SIZExEPOCHS,… with sizes of at least 8, got "${text}"; for example 16x12,24x6,32x4`,
      );
    return { size: [Number(size), Number(size)] as const, epochs: Number(epochs) };
  });
}

function nameOf(spec: NetSpec, { at }: TrainSettings, dataset: string): string {
  const usual = ARCHITECTURES.get(spec.arch)?.widths[0];
  const width = usual === undefined || usual === spec.widths[0] ? '' : `-w${spec.widths[0]}`;
  return `${spec.arch}${width}${at === 'none' ? '' : `-${at}at`}-${dataset}`;
}

function recipeText({
  at,
  epsilon,
  alpha,
  attackSteps,
  stages,
  schedule,
  optimiser,
  rate,
  batch,
  seed,
}: TrainSettings): string {
  const adversary =
    at === 'none'
      ? 'none'
      : `${at}, eps ${Math.round(epsilon * 255)}/255, alpha ${Math.round(alpha * 255)}/255, ${attackSteps} steps`;
  const plan = stages.map(({ size, epochs }) => `${epochs} epochs at ${size[0]}x${size[1]}`).join(', ');
  return `${adversary}; ${plan}; ${optimiser}, ${schedule}, lr ${Number(rate.toPrecision(4))}, batch ${batch}; seed ${seed}; cfr train`;
}
