/** The program `cfr`: its commands, and how mistakes on the command line are told. */
import { Command } from 'commander';
import { UserError } from '../base/errors.js';
import { imageFiles } from '../run/inputs.js';
import type { Services } from '../run/services.js';
import { registerAttack } from './commands/attack.js';
import { registerBench } from './commands/bench.js';
import { registerClassify } from './commands/classify.js';
import { registerCompare, registerDefend } from './commands/compare.js';
import { registerDemo } from './commands/demo.js';
import { registerDoctor } from './commands/doctor.js';
import { registerEval } from './commands/eval.js';
import { registerExplain } from './commands/explain.js';
import { registerFit } from './commands/fit.js';
import { registerMerge } from './commands/merge.js';
import { registerMethods } from './commands/methods.js';
import { registerModels } from './commands/models.js';
import { registerQueue, registerUnit, registerWorker } from './commands/queue.js';
import { registerRegions } from './commands/regions.js';
import { registerReport } from './commands/report.js';
import { registerSweep } from './commands/sweep.js';
import { registerTrain } from './commands/train.js';
import { registerTransfer } from './commands/transfer.js';

export function createProgram(services: Services, version: string): Command {
  const program = new Command('cfr')
    .description('Imperceptible adversarial patches steered by Grad-CAM, on WebGPU.')
    .version(version)
    .showHelpAfterError(false)
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Start with \`cfr demo\`; \`cfr doctor\` says what runs here. --adapter or CFR_ADAPTER chooses the adapter: gpu,
lavapipe, swiftshader, or a part of its name.
Exit codes: 0 done, 1 the run failed or part of it, 2 a mistake in the command or its input, 75 try again (the device is lost, or SIGTERM
came; the same command goes on), 130 interrupted.`,
    );
  registerDemo(program, services);
  registerAttack(program, services);
  registerFit(program, services);
  registerTrain(program, services);
  registerExplain(program, services);
  registerClassify(program, services);
  registerEval(program, services);
  registerCompare(program, services);
  registerDefend(program, services);
  registerSweep(program, services);
  registerRegions(program, services);
  registerTransfer(program, services);
  registerMerge(program, services);
  registerMethods(program, services);
  registerModels(program, services);
  registerQueue(program, services);
  registerWorker(program, services);
  registerUnit(program, services, (own) => createProgram(own, version));
  registerReport(program, services);
  registerBench(program, services);
  registerDoctor(program, services);
  program.hook('preAction', async (_, command) => {
    const { adapter, takeOver } = command.opts<{ adapter?: string; takeOver?: boolean }>();
    if (adapter !== undefined) services.adapter = adapter;
    if (takeOver !== undefined) services.takeOver = takeOver;
    if (command.registeredArguments.some((argument) => argument.name() === 'images'))
      command.processedArgs[0] = await imageFiles(command.processedArgs[0] as string[]);
  });
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => services.console.say(text.trimEnd()),
      writeErr: (text) => services.console.note(text.trimEnd()),
      // The mistake is thrown as a CommanderError too, and told once, by the caller of the program.
      outputError: () => {},
    });
  }
  return program;
}

/** A mistake that commander found, worded as ours; undefined where it only showed help or the version. */
export function usageError(error: {
  code: string;
  exitCode: number;
  message: string;
}): UserError | undefined {
  if (error.exitCode === 0) return undefined;
  if (error.code === 'commander.help') return new UserError('expected a command, got none; see `cfr --help`');
  return new UserError(error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' '));
}
