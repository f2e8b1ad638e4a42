/** `cfr regions`: accuracy without the CFR, and with it alone. */
import type { Command } from 'commander';
import type { Explanation } from '../../attack/explanations.js';
import { explainTable } from '../../attack/settings/common.js';
import { resolveSettings } from '../../attack/settings/rows.js';
import { regions } from '../../experiments/regions.js';
import type { Services } from '../../run/services.js';
import { addExperimentOptions, type ExperimentOptions, withStudy } from '../experiment-options.js';
import { chosenExplanations, explanationsOption } from '../explanations.js';
import { integer, value } from '../options.js';
import { addSettings, type Typed, typedSettings, withClasses, withFlags } from '../settings.js';

/** The mask's levels say nothing here: a pixel is in the CFR or it is not. */
const { maskNorm: _, ...table } = explainTable;

type Options = ExperimentOptions &
  Typed & { readonly seed: number; readonly explanations?: readonly Explanation[] };

export function registerRegions(program: Command, services: Services): void {
  const command = program
    .command('regions')
    .argument('[images...]', 'PNG or JPEG files, with --label')
    .description('Accuracy with the CFR set to 0, with everything else set to 0, and with random pixels.');
  addExperimentOptions(command, 'regions');
  addSettings(command, table, 'Experiment:');
  command
    .addOption(explanationsOption('several beside each other').helpGroup('Experiment:'))
    .addOption(
      value('--seed <value>', 'of the random pixels', integer('--seed', { min: 0, max: 2 ** 32 - 1 }))
        .default(0)
        .helpGroup('Experiment:'),
    )
    .addHelpText(
      'after',
      `
Examples:
  cfr regions --quick
  cfr regions --quick --explanations all
  cfr regions --dataset cifar10 --models resnet18-cifar10,vgg11_bn-cifar10 --tau 0.2`,
    )
    .action((files: string[], options: Options) =>
      withStudy(files, options, services, (study) => {
        const { labels, spec } = study.nets[0]!.model;
        const typed = withClasses(
          typedSettings(table, [], options, 'regions'),
          options,
          labels,
          spec.classes,
        );
        const settings = withFlags(() =>
          chosenExplanations(options.explanations, typed).map((own) =>
            resolveSettings(explainTable, { ...own, maskNorm: 'binary' }, spec, 'regions'),
          ),
        );
        return regions(study, settings, options.seed);
      }),
    );
}
