/** `cfr demo`: the attack on a few images that come with the package, in a minute and without options. */
import type { Command } from 'commander';
import type { Classifier } from '../../attack/classifier.js';
import { attackSettings } from '../../attack/driver.js';
import { predictions } from '../../attack/logits.js';
import { runAttack } from '../../run/attack-run.js';
import type { Console } from '../../run/console.js';
import { type Job, overBatches } from '../../run/over-batches.js';
import type { LoadedNet, Services } from '../../run/services.js';
import { openSource, type Source } from '../../run/source.js';
import { addOutputOptions, type OutputOptions, takeOverOption } from '../options.js';
import { tellOutcome } from './attack.js';

interface Options extends OutputOptions {
  readonly out: string;
}

const images = 8;
/** As many of each class are looked at to find one that the net classifies right. */
const candidatesPerClass = 2;
const preset = { model: 'resnet18-cifar10', dataset: 'cifar10-sample', iterations: 20 } as const;

export function registerDemo(program: Command, services: Services): void {
  addOutputOptions(program.command('demo'))
    .description(
      `Attacks ${images} bundled images with the bundled ResNet-18; pictures and a report in out/demo.`,
    )
    .option('-o, --out <folder>', 'where everything goes; a demo that is there is replaced', 'out/demo')
    .addOption(takeOverOption())
    .addHelpText('after', '\nExample:\n  cfr demo')
    .action((options: Options) => demo(options, services));
}

async function demo(options: Options, services: Services): Promise<void> {
  const console = services.console.with(options);
  const net = await services.loadNet({ model: preset.model }, console);
  const source = await openSource(
    [],
    { dataset: preset.dataset, offset: 0, preprocess: 'auto' },
    net.model,
    services,
  );
  const indices = await chooseImages(net, source, services, console);
  const outcome = await runAttack(
    {
      attack: attackSettings({ iterations: preset.iterations }, net.model.spec),
      net,
      source,
      indices,
      out: options.out,
      overwrite: true,
      saveTensors: false,
      sheet: images,
      singleFile: false,
      batch: images,
      preprocess: 'auto',
      overlaySize: 'net',
    },
    services,
    console,
  );
  services.exitCode = outcome.exitCode;
  tellOutcome(outcome, net.model.labels, console);
}

/** The first right one of each class, of as many classes as there are images to show. */
async function chooseImages(
  { model }: LoadedNet,
  source: Source,
  services: Services,
  console: Console,
): Promise<number[]> {
  const byClass = new Map<number, number[]>();
  for (const index of source.indices) {
    const { label } = await source.load(index);
    const found = byClass.get(label!) ?? [];
    if (found.length < candidatesPerClass) byClass.set(label!, [...found, index]);
  }
  const chosen = new Map<number, number>();
  const job: Job<Classifier> = {
    title: 'choose',
    model,
    source,
    indices: [...byClass.values()].flat().sort((a, b) => a - b),
    // The attack's batch: so they share pipelines.
    batch: images,
    make: (device, batch) => device.classifier(model, batch),
    async compute(classifier, { pictures, x }) {
      const classes = predictions(await classifier.run(x), model.spec.classes);
      for (const [i, { label, index }] of pictures.entries())
        if (classes[i] === label && !chosen.has(label)) chosen.set(label, index);
    },
  };
  await overBatches(job, services, console);
  if (chosen.size === 0) {
    throw new Error(`${model.name}: expected images that it classifies right, got none; see \`cfr doctor\``);
  }
  return [...chosen.values()].slice(0, images).sort((a, b) => a - b);
}
