/** `cfr regions`: accuracy without the CFR, and with it alone. */
import type { Command } from 'commander';
import { type ExplainSettings, explainTable } from '../../attack/settings/common.js';
import { resolveSettings } from '../../attack/settings/rows.js';
import { regions } from '../../experiments/regions.js';
import type { Services } from '../../run/services.js';
import { addExperimentOptions, type ExperimentOptions, withStudy } from '../experiment-options.js';
import { imagesArgument, imagesHelp, integer, value } from '../options.js';
import { addSettings, type Typed, typedSettings, withFlags } from '../settings.js';

/** The mask's levels say nothing here: a pixel is in the CFR or it is not. */
const { maskNorm: _, ...table } = explainTable;

export function registerRegions(program: Command, services: Services): void {
  const command = program
    .command('regions')
    .argument(imagesArgument, `${imagesHelp}; with --label`)
    .description('Accuracy with the CFR set to 0, with everything else set to 0, and with random pixels.');
  addExperimentOptions(command, 'regions');
  addSettings(command, table, 'Experiment:');
  command
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
  cfr regions --dataset cifar10 --models resnet18-cifar10,vgg11_bn-cifar10 --tau 0.2`,
    )
    .action((files: string[], options: ExperimentOptions & Typed & { readonly seed: number }) =>
      withStudy(files, options, services, (study) => {
        const typed = typedSettings(table, [], options, 'regions');
        const settings: ExplainSettings = withFlags(() =>
          resolveSettings(
            explainTable,
            { ...typed, maskNorm: 'binary' },
            study.nets[0]!.model.spec,
            'regions',
          ),
        );
        return regions(study, settings, options.seed);
      }),
    );
}
