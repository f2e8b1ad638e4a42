/** `cfr sweep`: one method over values of its settings. */
import { type Command, Option } from 'commander';
import type { Method } from '../../attack/method.js';
import { NORMS, type Norm } from '../../attack/settings/common.js';
import { UserError } from '../../base/errors.js';
import type { Swept } from '../../experiments/grid.js';
import { sweep, sweepCells } from '../../experiments/sweep.js';
import type { Services } from '../../run/services.js';
import {
  addExperimentOptions,
  type ExperimentOptions,
  methodChoice,
  ofMethod,
  settingOf,
  withStudy,
} from '../experiment-options.js';
import { choice } from '../options.js';

interface Options extends ExperimentOptions {
  readonly method: string;
  readonly over?: readonly string[];
  readonly norm: Norm;
}

/** More cells than this are a mistake, not an experiment. */
const MOST_CELLS = 1000;

export function registerSweep(program: Command, services: Services): void {
  const command = program
    .command('sweep')
    .argument('[images...]', 'PNG or JPEG files, with --label')
    .description('One method over values of its settings: table, lines or heatmap, report.');
  addExperimentOptions(command, 'sweep')
    .addOption(
      new Option('--method <name>', 'the attack, with other settings as NAME:setting=value')
        .default('cfr')
        .helpGroup('Experiment:'),
    )
    .addOption(
      new Option('--over <setting=a,b,c>', 'a setting and its values; several settings make a grid')
        .argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text])
        .helpGroup('Experiment:'),
    )
    .addOption(choice('--norm <norm>', 'of the medians', NORMS).default('l2').helpGroup('Experiment:'))
    .addHelpText(
      'after',
      `
Examples:
  cfr sweep --quick --over tau=0,0.3,0.6,0.9
  cfr sweep --dataset cifar10 --limit 256 --method cfr:mode=paper --over iterations=10,20,30,temperature=0.05,0.1,0.5,2
  cfr sweep --dataset cifar10-sample --method pgd:norm=l2 --over epsilon=0.1,0.25,0.5`,
    )
    .action(async (files: string[], options: Options) => {
      const { method, given } = methodChoice(options.method);
      const over = parseOver(method, (options.over ?? []).join(','));
      const quick = options.quick && !over.some(({ setting }) => setting === 'iterations');
      const own = quick && 'iterations' in method.table ? { iterations: 10, ...given } : given;
      await withStudy(files, options, services, async (study) => {
        const asked = study.nets.flatMap((net) => ofMethod(method, () => sweepCells(net, method, own, over)));
        await sweep(study, asked, over, options.norm);
      });
    });
}

/** `iterations=10,20,temperature=.1,.5`: what has a `=` begins the next setting. @throws UserError */
export function parseOver(method: Method, text: string): Swept[] {
  const over: { setting: string; values: unknown[] }[] = [];
  for (const part of text.split(',')) {
    const [head = '', ...rest] = part.split('=');
    const last = over.at(-1);
    if (rest.length === 0 && last) last.values.push(settingOf(method, last.setting, part)[1]);
    else if (rest.length === 1) {
      const [setting, value] = settingOf(method, head.trim(), rest[0]!);
      if (over.some((other) => other.setting === setting))
        throw new UserError(`--over: expected ${setting} once, got it twice; give all its values together`);
      over.push({ setting, values: [value] });
    } else throw new UserError(`--over: expected setting=a,b,c, got "${text}"; for example tau=0,0.2,0.4`);
  }
  const cells = over.reduce((product, { values }) => product * values.length, 1);
  if (cells > MOST_CELLS)
    throw new UserError(
      `--over: expected at most ${MOST_CELLS} combinations, got ${cells}; give fewer values`,
    );
  return over;
}
