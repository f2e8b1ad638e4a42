/** `cfr compare`: methods beside each other, on the same images, at the same cost. `cfr defend`: the same on robust nets. */
import { type Command, Option } from 'commander';
import { NORMS, type Norm } from '../../attack/settings/common.js';
import { UserError } from '../../base/errors.js';
import { type AskedCell, askCell } from '../../experiments/cells.js';
import { compare } from '../../experiments/compare.js';
import { robustTraining } from '../../experiments/paper.js';
import type { Study } from '../../experiments/study.js';
import type { Services } from '../../run/services.js';
import { registry } from '../../weights/registry.js';
import {
  addExperimentOptions,
  type ExperimentOptions,
  listOf,
  type MethodChoice,
  methodChoice,
  ofMethod,
  QUICK_BUDGET,
  withStudy,
} from '../experiment-options.js';
import { choice, imagesArgument, imagesHelp, integer, value } from '../options.js';

export interface CompareCommandOptions extends ExperimentOptions {
  readonly methods: readonly string[];
  readonly region: readonly string[];
  readonly norm: Norm;
  readonly budgetPropagations?: number | 'none';
}

/** Without `one-pixel` and `jsma`, whose cost no budget of some tens of propagations holds. */
const METHODS = 'cfr,ddn,fmn,alma,deepfool,pgd:norm=l2,cw-l2,square:norm=l2';
const QUICK_METHODS = 'cfr,ddn,deepfool,pgd:norm=l2,square:norm=l2,noise:norm=l2';
const TABLE_2 = 'pgd,cw-l2,cfr';

export function registerCompare(program: Command, services: Services): void {
  const command = program
    .command('compare')
    .argument(imagesArgument, `${imagesHelp}; with --label`)
    .description('Methods beside each other: the same images, equal cost; table, curves, report.');
  addExperimentOptions(command, 'compare');
  addCellOptions(command, METHODS)
    .addHelpText(
      'after',
      `
Only images that every net classifies right are attacked. A comparison that was stopped goes on with the same command, and cells that are
finished are not run again.

Examples:
  cfr compare --quick
  cfr compare --dataset cifar10 --limit 1000 --methods cfr,ddn,fmn --budget-propagations 200
  cfr compare --dataset cifar10-sample --methods pgd:norm=l2:epsilon=0.5,cw-l2:const=1 --region all --region cfr
  cfr compare --dataset cifar10-sample --methods pgd,cw-l2,jsma,one-pixel,cfr --budget-propagations none`,
    )
    .action(async (files: string[], options: CompareCommandOptions) => {
      const methods =
        options.quick && options.methods.join(',') === METHODS
          ? listOf('--methods')(QUICK_METHODS)
          : options.methods;
      const budget = options.budgetPropagations ?? (options.quick ? QUICK_BUDGET : 60);
      const choices = methods.map(methodChoice);
      await withStudy(files, options, services, (study) =>
        compare(study, cellsOf(study, choices, options.region, budget), {
          command: 'compare',
          title: 'Attacks compared',
          norm: options.norm,
        }),
      );
    });
}

export function registerDefend(program: Command, services: Services): void {
  const command = program
    .command('defend')
    .argument(imagesArgument, `${imagesHelp}; with --label`)
    .description('Attacks on adversarially trained nets (Table II of the paper).');
  addExperimentOptions(command, 'defend');
  addCellOptions(command, TABLE_2)
    .addHelpText(
      'after',
      `
Without --model, --models or --weights: all nets of the registry that were made robust.

Examples:
  cfr defend --quick
  cfr defend --weights robust.pth --dataset cifar10 --limit 256`,
    )
    .action(async (files: string[], options: CompareCommandOptions) => {
      const robust = registry.map(({ name }) => name).filter((name) => robustTraining(name) !== undefined);
      if (robust.length === 0 && (options.models ?? options.weights ?? options.model) === undefined)
        throw new UserError(
          'defend: expected nets that were made robust, got none in the registry; give yours with --weights or --models',
        );
      const budget = options.budgetPropagations ?? (options.quick ? QUICK_BUDGET : 'none');
      const choices = options.methods.map(methodChoice);
      await withStudy(
        files,
        options,
        services,
        (study) =>
          compare(study, cellsOf(study, choices, options.region, budget), {
            command: 'defend',
            title: 'Attacks on robust nets',
            norm: options.norm,
          }),
        robust,
      );
    });
}

export function addCellOptions(command: Command, methods: string): Command {
  return command
    .addOption(
      new Option('--methods <a,b,c>', 'attacks, with settings as NAME:setting=value:setting=value')
        .argParser(listOf('--methods'))
        .default(listOf('--methods')(methods), methods)
        .helpGroup('Experiment:'),
    )
    .addOption(
      new Option(
        '--region <region>',
        "every method in it; may be given several times (default: each method's own)",
      )
        .argParser((text: string, before: string[]) => [...before, text])
        .default([], '')
        .helpGroup('Experiment:'),
    )
    .addOption(
      value(
        '--budget-propagations <count>',
        'forwards and backwards of an image at most: sets the steps of each method; none: as their settings say',
        (text) => (text === 'none' ? text : integer('--budget-propagations', { min: 1, max: 1e6 })(text)),
      ).helpGroup('Experiment:'),
    )
    .addOption(
      choice('--norm <norm>', 'of the curves, the optimality and the worst case', NORMS)
        .default('l2')
        .helpGroup('Experiment:'),
    );
}

/** Every net, method and region. */
export function cellsOf(
  study: Study,
  choices: readonly MethodChoice[],
  regions: readonly string[],
  budget: number | 'none',
): AskedCell[] {
  const note = (line: string) => study.console.note(line);
  return study.nets.flatMap((net) =>
    choices.flatMap(({ method, given }) =>
      (regions.length > 0 ? regions : [undefined]).map((region) => {
        const own = region === undefined ? given : { ...given, region };
        return ofMethod(method, () =>
          askCell(net, method, own, budget === 'none' ? undefined : budget, note),
        );
      }),
    ),
  );
}
