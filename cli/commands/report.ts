/** `cfr report`: the summary, contact sheet and report of a run again, from its files. */
import { type Command, Option } from 'commander';
import { UserError } from '../../base/errors.js';
import { runFiles } from '../../report/run-files.js';
import { readRun } from '../../run/folder.js';
import type { Services } from '../../run/services.js';
import { attackDocument, writeSummary } from '../../run/summary.js';
import { addOutputOptions, type OutputOptions, singleFileHelp } from '../options.js';
import { summaryText } from '../run-table.js';

interface Options extends OutputOptions {
  readonly singleFile?: boolean;
}

export function registerReport(program: Command, services: Services): void {
  addOutputOptions(program.command('report'))
    .argument('<folder>', 'the --out of a run, finished or not')
    .description('Rebuilds summary, contact sheet and HTML report of a run.')
    .addOption(new Option('--single-file', singleFileHelp).helpGroup('Output:'))
    .addHelpText('after', '\nExamples:\n  cfr report out/demo\n  cfr report out/demo --single-file')
    .action((folder: string, options: Options) => report(folder, options, services));
}

async function report(folder: string, options: Options, services: Services): Promise<void> {
  const console = services.console.with(options);
  const run = await readRun(folder);
  const document = attackDocument(run.document, folder);
  if (run.results.length === 0 && document.skipped.length === 0)
    throw new UserError(`${folder}: expected finished images, got none; run \`cfr attack\` again`);
  const summary = await writeSummary(run, document, services, { singleFile: options.singleFile ?? false });
  if (console.json) console.document({ ...summary, out: folder, report: run.path(runFiles.report) });
  else console.say(`${summaryText(summary)}\nreport: ${run.path(runFiles.report)}`);
}
