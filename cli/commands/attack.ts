/** `cfr attack`: adversarial images, with everything that shows what was done to them. */
import { type Command, Option } from 'commander';
import { methodNamed } from '../../attack/methods/index.js';
import { UserError } from '../../base/errors.js';
import { fullSizeFolder, type ImageResult, runFiles } from '../../report/run-files.js';
import { type AttackOutcome, runAttack } from '../../run/attack-run.js';
import type { Console } from '../../run/console.js';
import type { RunFolder } from '../../run/folder.js';
import { openNet } from '../../run/net.js';
import type { DataOptions, NetOptions } from '../../run/options.js';
import { readPatch } from '../../run/patch-file.js';
import type { OverlaySize } from '../../run/photos.js';
import type { Services } from '../../run/services.js';
import { parseShard, type Shard, shardOfTask } from '../../run/shard.js';
import { openSource, regionMask } from '../../run/source.js';
import {
  addDataOptions,
  addNetOptions,
  addOutputOptions,
  imagesArgument,
  imagesHelp,
  integer,
  type OutputOptions,
  overlaySizeOf,
  overlaySizeOption,
  singleFileHelp,
  takeOverOption,
  value,
} from '../options.js';
import { resultsTable, summaryText } from '../run-table.js';
import { addMethodSettings, methodSettings, type Typed, withFlags } from '../settings.js';

/** The settings of the method are among them, as they were typed. */
interface Options extends NetOptions, DataOptions, OutputOptions, Typed {
  readonly method: string;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly saveTensors?: boolean;
  readonly sheet: number;
  readonly shard?: Shard;
  readonly part?: string;
  readonly singleFile?: boolean;
  readonly overlaySize?: OverlaySize;
}

export function registerAttack(program: Command, services: Services): void {
  const command = program
    .command('attack')
    .argument(imagesArgument, imagesHelp)
    .description('Attacks images: adversarial PNGs, maps, masks, perturbations, results and a report.');
  addDataOptions(addNetOptions(command), { label: true });
  command.addOption(
    new Option('--method <name>', 'the attack; `cfr methods` lists them with their settings')
      .default('cfr')
      .helpGroup('Attack:'),
  );
  addMethodSettings(command, methodNamed('cfr'));
  addOutputOptions(command)
    .addOption(
      new Option(
        '-o, --out <folder>',
        'where everything goes (default: out/NET-METHOD-1, -2…; a run that was stopped is found again)',
      ).helpGroup('Output:'),
    )
    .addOption(
      new Option('--overwrite', 'start the run in --out again instead of going on with it').helpGroup(
        'Output:',
      ),
    )
    .addOption(takeOverOption())
    .addOption(
      new Option(
        '--save-tensors',
        `add ${runFiles.tensors}: x, x_adv, delta, cam, mask, logits, logits_adv`,
      ).helpGroup('Output:'),
    )
    .addOption(overlaySizeOption(true))
    .addOption(
      value('--sheet <count>', 'images on the contact sheet', integer('--sheet', { min: 0, max: 64 }))
        .default(16)
        .helpGroup('Output:'),
    )
    .addOption(
      value(
        '--shard <i/n>',
        'only every n-th image, from i = 0, into a part of --out; `cfr merge` joins the parts (default: by SLURM_ARRAY_TASK_ID and _COUNT, or JOB_COMPLETION_INDEX and JOB_COMPLETIONS)',
        parseShard,
      ).helpGroup('Output:'),
    )
    .addOption(new Option('--part <folder>', 'where a shard goes instead').hideHelp())
    .addOption(new Option('--single-file', singleFileHelp).helpGroup('Output:'))
    .addHelpText(
      'after',
      `
A method's other settings: \`cfr methods cfr\`, \`cfr methods pgd\`… A run that was stopped goes on with the same command.

Mode paper shows glaring blobs where the paper reports a linf of .07: Algorithm 1 multiplies delta by the soft mask at every step, so only the
peak of the map keeps its start of N(0, 1), at full strength. --preset paper-figures is the reading that comes nearest to the paper's figures;
docs/methods.md says what it reaches.

Examples:
  cfr attack cat.png
  cfr attack --dataset cifar10-sample --limit 16 --iterations 20 --out out/first
  cfr attack --target frog --tau 0.3 --mask-norm binary cat.png
  cfr attack --dataset cifar10-sample --method pgd --epsilon 4/255
  cfr attack --dataset cifar10 --mode budget --norm linf --budget 8/255 --save-tensors
  cfr attack --dataset cifar10-sample --mode paper --delta-init 0.5 --temperature 0.5
  cfr attack --dataset cifar10-sample --preset paper-figures`,
    )
    .action((files: string[], options: Options) => attack(files, options, services));
}

async function attack(files: readonly string[], options: Options, services: Services): Promise<void> {
  const console = services.console.with(options);
  const net = await openNet(files, options, services, console);
  const { labels, spec } = net.model;
  const method = methodNamed(options.method);
  const typed = withFlags(() =>
    methodSettings(method, options, { labels, classes: spec.classes }, (line) => console.note(line)),
  );
  const given =
    typed.patch === undefined || typed.patch === 'own' ? undefined : await readPatch(String(typed.patch));
  // A patch knows its size.
  const area = given && typed.area === undefined ? { area: (given.side / spec.height) ** 2 } : {};
  const settings = withFlags(() => method.settings({ ...typed, ...area }, spec));
  const { target } = settings;
  const source = await openSource(files, options, net.model, services);
  if (target !== undefined && target === source.label) {
    throw new UserError(
      `--target: expected another class than --label, got ${labels[target]} for both; leave one out`,
    );
  }
  const outcome = await runAttack(
    {
      attack: {
        method,
        settings,
        mask: await regionMask(settings.region, spec, services),
        patch: given?.patch,
      },
      net,
      source,
      indices: source.indices,
      out: options.out,
      shard: ownShard(options, console),
      part: options.part,
      overwrite: options.overwrite ?? false,
      saveTensors: options.saveTensors ?? false,
      sheet: options.sheet,
      singleFile: options.singleFile ?? false,
      batch: options.batch,
      preprocess: options.preprocess,
      overlaySize: overlaySizeOf(options),
    },
    services,
    console,
  );
  services.exitCode = outcome.exitCode;
  tellOutcome(outcome, labels, console);
}

/** The shard that was asked for, else that of the batch system's task; `0/1` is the whole run. */
function ownShard({ shard, out }: Options, console: Console): Shard | undefined {
  if (shard) return shard.of > 1 ? shard : undefined;
  const task = shardOfTask(process.env);
  if (!task) return undefined;
  const { index, of, system } = task;
  console.note(
    `shard ${index}/${of} of ${system}: \`cfr merge${out === undefined ? '' : ` ${out}`}\` joins the parts; --shard 0/1 is the whole run`,
  );
  return { index, of };
}

/** What a run says at its end. */
export function tellOutcome(
  { run, summary }: Pick<AttackOutcome, 'run' | 'summary'>,
  labels: readonly string[],
  console: Console,
): void {
  const results = [...run.results].sort((a, b) => a.index - b.index);
  // Only bad images: each was told.
  if (results.length === 0 && summary.alreadyTarget === 0) return;
  if (console.json) {
    console.document({ ...summary, out: run.folder, results });
    return;
  }
  if (results.length === 0) {
    console.say(summaryText(summary));
    return;
  }
  const [height, width] = (summary.net as { inputSize: [number, number] }).inputSize;
  const facts = { pixels: height * width, labelled: summary.labelled };
  console.say(`${resultsTable(results, labels, facts, console)}\n\n${summaryText(summary)}`);
  for (const line of photoLines(results, run)) console.say(line);
  const report = run.document.shard !== undefined ? '' : `\nreport: ${run.path(runFiles.report)}`;
  console.say(`${report}\nall files: ${run.folder}`);
}

/** Photos without an adversarial twin of which the reason is told. */
const MOST_TOLD = 5;

/** What there is of photos at their own size. */
function photoLines(results: readonly ImageResult[], run: RunFolder): string[] {
  const photos = results.filter(({ photo }) => photo !== undefined);
  if (photos.length === 0) return [];
  const without = photos.filter(({ photo, success }) => photo!.l2 === null && success);
  const made = photos.filter(({ photo }) => photo!.l2 !== null).length;
  const told = without.slice(0, MOST_TOLD).map(({ source, photo }) => `${source}: ${photo!.why}`);
  const first =
    made > 0
      ? `\nadversarial photos of full size: ${made} of ${photos.length}, in ${run.path(fullSizeFolder)}; the net, with its preprocessing, is fooled by them`
      : `\nadversarial photos of full size: none of ${photos.length}`;
  return [first, ...told];
}
