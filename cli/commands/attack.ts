/** `cfr attack`: adversarial images, with everything that shows what was done to them. */
import { type Command, Option } from 'commander';
import {
  ATTACK_MODES,
  type AttackOptions,
  attackSettings,
  BUDGET_NORMS,
  CLIPS,
  DELTA_INITS,
  type DeltaInit,
  EXPLANATIONS,
  MASK_NORMS,
} from '../../attack/settings.js';
import { UserError } from '../../base/errors.js';
import { runFiles } from '../../report/run-files.js';
import { type AttackOutcome, runAttack } from '../../run/attack-run.js';
import type { Console } from '../../run/console.js';
import { classIndex, type DataOptions, type NetOptions } from '../../run/options.js';
import type { Services } from '../../run/services.js';
import { openSource } from '../../run/source.js';
import {
  addDataOptions,
  addNetOptions,
  addOutputOptions,
  choice,
  integer,
  type OutputOptions,
  real,
  value,
} from '../options.js';
import { resultsTable, summaryText } from '../run-table.js';

interface Options extends NetOptions, DataOptions, OutputOptions, Omit<AttackOptions, 'target'> {
  readonly method: 'cfr';
  /** A class index or name. */
  readonly target?: string;
  readonly epsilon?: number;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly saveTensors?: boolean;
  readonly sheet: number;
}

export function registerAttack(program: Command, services: Services): void {
  const command = program
    .command('attack')
    .argument('[images...]', 'PNG or JPEG files')
    .description('Attacks images: adversarial PNGs, maps, masks, perturbations, results and a report.');
  addDataOptions(addNetOptions(command), { label: true });
  addMethodOptions(command);
  addOutputOptions(command)
    .addOption(
      new Option(
        '-o, --out <folder>',
        'where everything goes (default: out/attack-…, named by the settings)',
      ).helpGroup('Output:'),
    )
    .addOption(
      new Option('--overwrite', 'start the run in --out again instead of going on with it').helpGroup(
        'Output:',
      ),
    )
    .addOption(
      new Option(
        '--save-tensors',
        `add ${runFiles.tensors}: x, x_adv, delta, cam, mask, logits, logits_adv`,
      ).helpGroup('Output:'),
    )
    .addOption(
      value('--sheet <count>', 'images on the contact sheet', integer('--sheet', { min: 0, max: 64 }))
        .default(16)
        .helpGroup('Output:'),
    )
    .addHelpText(
      'after',
      `
A run that was stopped goes on with the same command.

Examples:
  cfr attack cat.png
  cfr attack --dataset cifar10-sample --limit 16 --iterations 20 --out out/first
  cfr attack --target frog --tau 0.3 --mask-norm binary cat.png
  cfr attack --dataset cifar10 --mode budget --norm linf --budget 8/255 --save-tensors
  cfr attack --dataset cifar10-sample --mode paper --delta-init 0.5 --temperature 0.5`,
    )
    .action((files: string[], options: Options) => attack(files, options, services));
}

/** The options that decide what the attack does; defaults are in attack/settings.ts. */
function addMethodOptions(command: Command): void {
  const options = [
    choice('--method <name>', 'the attack', ['cfr']).default('cfr'),
    choice(
      '--mode <mode>',
      'minimal: least perturbation; paper: Algorithm 1 to the letter; budget: most loss within --budget',
      ATTACK_MODES,
    ),
    value(
      '-n, --iterations <count>',
      'gradient steps (30)',
      integer('--iterations', { min: 1, max: 10_000 }),
    ),
    value(
      '--tau <level>',
      'the CFR is where the map is at least this (0.2)',
      real('--tau', { min: 0, max: 1 }),
    ),
    choice('--mask-norm <norm>', 'the soft mask (max)', MASK_NORMS),
    choice('--explanation <map>', 'the map: gradcam, or cam for ResNets (gradcam)', EXPLANATIONS),
    new Option('--target <class>', 'reach this class, index or name (default: any wrong class)'),
    value('--seed <number>', 'seeds random starts (0)', integer('--seed', { min: 0, max: 2 ** 32 - 1 })),
    value('--radius <l2>', 'minimal: first radius (0.3 at 32x32)', real('--radius', { above: 0 })),
    value(
      '--gamma <share>',
      'minimal: the radius changes by this at the first step (0.1)',
      real('--gamma', { min: 0 }),
    ),
    value(
      '--gamma-end <share>',
      'minimal: and by this at the last (as --gamma)',
      real('--gamma-end', { min: 0 }),
    ),
    value('--temperature <t>', 'paper: T, divides the loss (0.1)', real('--temperature', { above: 0 })),
    value('--eta <rate>', 'paper: step (10; 20 at 224x224)', real('--eta', { min: 0 })),
    value('--beta <weight>', 'paper: weight of the norm term (1)', real('--beta', { min: 0 })),
    value('--delta-init <start>', 'paper: normal, uniform, zeros, or a deviation (normal)', deltaInit),
    choice('--clip <where>', 'paper: where pixels are held in [0,1] (forward)', CLIPS),
    choice('--norm <norm>', 'budget: which norm is held (l2)', BUDGET_NORMS),
    value(
      '--budget <size>',
      'budget: its size in [0,1] units, 8/255 is understood (l2: 2, linf: 8/255)',
      real('--budget', { above: 0 }),
    ),
    value('--epsilon <size>', 'the same as --budget', real('--epsilon', { above: 0 })).conflicts('budget'),
    value(
      '--step-start <length>',
      'minimal, budget: length of the first step (1)',
      real('--step-start', { min: 0 }),
    ),
    value(
      '--step-end <length>',
      'minimal, budget: length of the last step (0.01)',
      real('--step-end', { min: 0 }),
    ),
    value(
      '--momentum <decay>',
      'budget: decay of the momentum (0.9)',
      real('--momentum', { min: 0, max: 1 }),
    ),
  ];
  for (const option of options) command.addOption(option.helpGroup('Attack:'));
}

/** Names are checked with the other settings. */
function deltaInit(text: string): DeltaInit {
  const named = DELTA_INITS.find((name) => name === text);
  if (named) return named;
  return real('--delta-init', { min: 0, expected: `${DELTA_INITS.join(', ')} or a deviation of at least 0` })(
    text,
  );
}

const settingNames = [
  'mode',
  'iterations',
  'tau',
  'maskNorm',
  'explanation',
  'seed',
  'radius',
  'gamma',
  'gammaEnd',
  'temperature',
  'eta',
  'beta',
  'deltaInit',
  'clip',
  'norm',
  'budget',
  'stepStart',
  'stepEnd',
  'momentum',
] as const satisfies readonly (keyof AttackOptions)[];

async function attack(files: readonly string[], options: Options, services: Services): Promise<void> {
  const console = services.console.with(options);
  const net = await services.loadNet(options, console);
  const { labels, spec } = net.model;
  const target =
    options.target === undefined ? undefined : classIndex('--target', options.target, labels, spec.classes);
  const given: Record<string, unknown> = Object.fromEntries(
    settingNames.map((name) => [name, options[name]]),
  );
  if (options.epsilon !== undefined) given.budget = options.epsilon;
  const settings = attackSettings({ ...given, target }, spec);
  const source = await openSource(files, options, net.model, services);
  if (target !== undefined && target === source.label) {
    throw new UserError(
      `--target: expected another class than --label, got ${labels[target]} for both; leave one out`,
    );
  }
  const outcome = await runAttack(
    {
      method: options.method,
      net,
      source,
      indices: source.indices,
      settings,
      out: options.out,
      overwrite: options.overwrite ?? false,
      saveTensors: options.saveTensors ?? false,
      sheet: options.sheet,
      batch: options.batch,
      preprocess: options.preprocess,
    },
    services,
    console,
  );
  services.exitCode = outcome.exitCode;
  tellOutcome(outcome, labels, console);
}

/** What a run says at its end. */
export function tellOutcome(
  { run, summary }: AttackOutcome,
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
  console.say(`${resultsTable(results, labels, console)}\n\n${summaryText(summary)}`);
  console.say(`\nreport: ${run.path(runFiles.report)}\nall files: ${run.folder}`);
}
