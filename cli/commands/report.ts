/** `cfr report`: the summary, contact sheet and report of a run again, from its files. */
import type { Command } from 'commander';
import { UserError } from '../../base/errors.js';
import { runFiles } from '../../report/run-files.js';
import { readRun } from '../../run/folder.js';
import type { Services } from '../../run/services.js';
import { attackDocument, writeSummary } from '../../run/summary.js';
import { addOutputOptions, type OutputOptions } from '../options.js';
import { summaryText } from '../run-table.js';

export function registerReport(program: Command, services: Services): void {
  addOutputOptions(program.command('report'))
    .argument('<folder>', 'the --out of a run, finished or not')
    .description('Rebuilds summary, contact sheet and HTML report of a run.')
    .addHelpText('after', '\nExample:\n  cfr report out/demo')
    .action((folder: string, options: OutputOptions) => report(folder, options, services));
}

async function report(folder: string, options: OutputOptions, services: Services): Promise<void> {
  const console = services.console.with(options);
  const run = await readRun(folder);
  const document = attackDocument(run.document, folder);
  if (run.results.length === 0 && document.skipped.length === 0)
    throw new UserError(`${folder}: expected finished images, got none; run \`cfr attack\` again`);
  const summary = await writeSummary(run, document, services);
  if (console.json) console.document({ ...summary, out: folder, report: run.path(runFiles.report) });
  else console.say(`${summaryText(summary)}\nreport: ${run.path(runFiles.report)}`);
}
