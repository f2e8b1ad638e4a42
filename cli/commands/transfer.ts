/** `cfr transfer`: adversarial images of each net, judged by all. */
import type { Command } from 'commander';
import { UserError } from '../../base/errors.js';
import { transfer } from '../../experiments/transfer.js';
import type { Services } from '../../run/services.js';
import { addExperimentOptions, methodChoice, QUICK_BUDGET, withStudy } from '../experiment-options.js';
import { imagesArgument, imagesHelp, real, value } from '../options.js';
import { addCellOptions, type CompareCommandOptions, cellsOf } from './compare.js';

/** As the paper sets them. */
const METHODS = 'pgd:epsilon=16/255,mdi2fgsm:epsilon=16/255,cw-l2:const=1,cfr:iterations=20';
/** At 32x32; l2 scales with the root of the pixels. */
const L2 = 1;

interface Options extends CompareCommandOptions {
  readonly equalL2?: number;
}

export function registerTransfer(program: Command, services: Services): void {
  const command = program
    .command('transfer')
    .argument(imagesArgument, `${imagesHelp}; with --label`)
    .description('Adversarial images of each net judged by all, as they are and at one l2.');
  addExperimentOptions(command, 'transfer');
  addCellOptions(command, METHODS)
    .addOption(
      value(
        '--equal-l2 <size>',
        `l2 to which all perturbations are scaled (default: ${L2} at 32x32)`,
        real('--equal-l2', { above: 0 }),
      ).helpGroup('Experiment:'),
    )
    .addHelpText(
      'after',
      `
Examples:
  cfr transfer --quick --models resnet18-cifar10,vgg11_bn-cifar10
  cfr transfer --models a.pth,b.pth --dataset cifar10 --limit 500 --methods pgd:norm=l2,cfr --equal-l2 2`,
    )
    .action(async (files: string[], options: Options) => {
      const choices = options.methods.map(methodChoice);
      const budget = options.budgetPropagations ?? (options.quick ? QUICK_BUDGET : 'none');
      const names = ['resnet18-cifar10', 'vgg11_bn-cifar10'];
      await withStudy(
        files,
        options,
        services,
        async (study) => {
          if (study.nets.length < 2)
            throw new UserError(
              '--models: expected two nets or more, as a,b, got one; transfer is from one to another',
            );
          const { height, width } = study.nets[0]!.model.spec;
          const l2 = options.equalL2 ?? Number((L2 * Math.sqrt((height * width) / 1024)).toPrecision(3));
          await transfer(study, cellsOf(study, choices, options.region, budget), l2);
        },
        names,
      );
    });
}
