/** `cfr merge`: one run of the parts that shards made. */
import type { Command } from 'commander';
import { mergeParts } from '../../run/merge.js';
import type { Services } from '../../run/services.js';
import { addOutputOptions, type OutputOptions, takeOverOption } from '../options.js';
import { tellOutcome } from './attack.js';

export function registerMerge(program: Command, services: Services): void {
  addOutputOptions(program.command('merge'))
    .argument('<folder>', 'the --out of the shards')
    .addOption(takeOverOption())
    .description('Puts the parts of a run together, as one process would have made it.')
    .addHelpText(
      'after',
      `
All shards must be there and done, with the same settings and the same --batch. The parts stay; the pictures are hard links to theirs.

Example:
  cfr attack --dataset cifar10 --out out/run --shard 0/2
  cfr attack --dataset cifar10 --out out/run --shard 1/2
  cfr merge out/run`,
    )
    .action(async (folder: string, options: OutputOptions) => {
      const console = services.console.with(options);
      const outcome = await mergeParts(folder, services, console);
      services.exitCode = outcome.exitCode;
      tellOutcome(outcome, outcome.run.document.labels as readonly string[], console);
    });
}
