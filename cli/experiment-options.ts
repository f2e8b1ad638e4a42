/** What the commands of experiments share: nets and methods in lists, where results go, and a quick form. */
import { type Command, Option } from 'commander';
import type { Method } from '../attack/method.js';
import { methodNamed } from '../attack/methods/index.js';
import { SettingError } from '../attack/settings/rows.js';
import { UserError } from '../base/errors.js';
import { openStudy, type Study } from '../experiments/study.js';
import type { DataOptions, NetOptions } from '../run/options.js';
import type { Services } from '../run/services.js';
import {
  addDataOptions,
  addNetOptions,
  addOutputOptions,
  defaultModel,
  type OutputOptions,
  takeOverOption,
} from './options.js';

export interface ExperimentOptions extends NetOptions, DataOptions, OutputOptions {
  readonly models?: readonly string[];
  readonly quick?: boolean;
  readonly out: string;
  readonly cells?: string;
}

/** Images that are looked at with `--quick`. */
const QUICK_IMAGES = 24;
/** And propagations of an image. */
export const QUICK_BUDGET = 24;

export function addExperimentOptions(command: Command, name: string): Command {
  addDataOptions(addNetOptions(command), { label: true });
  return addOutputOptions(command)
    .addOption(
      new Option('--models <a,b,c>', 'several nets: registered names or files of weights')
        .argParser(listOf('--models'))
        .conflicts(['model', 'weights'])
        .helpGroup('Net:'),
    )
    .addOption(
      new Option(
        '--quick',
        `a look in minutes: ${QUICK_IMAGES} images of cifar10-sample and few steps, unless other options say otherwise`,
      ).helpGroup('Experiment:'),
    )
    .addOption(
      new Option('-o, --out <folder>', 'where everything goes').default(`out/${name}`).helpGroup('Output:'),
    )
    .addOption(
      new Option(
        '--cells <folder>',
        'where finished cells are, which experiments can share (default: cells/ in --out)',
      ).helpGroup('Output:'),
    )
    .addOption(takeOverOption());
}

/** Opens what the options name, for as long as `work` takes. @param names nets, where no option names one */
export async function withStudy(
  files: readonly string[],
  options: ExperimentOptions,
  services: Services,
  work: (study: Study) => Promise<void>,
  names: readonly string[] = [defaultModel],
): Promise<void> {
  const { quick, models, model, weights, out, cells, ...net } = options;
  const sample = quick && files.length === 0 && options.dataset === undefined;
  const data: DataOptions = {
    ...options,
    ...(sample ? { dataset: 'cifar10-sample' } : {}),
    ...(quick && options.limit === undefined ? { limit: QUICK_IMAGES } : {}),
  };
  const one = weights ?? model;
  const study = await openStudy(
    {
      names: models ?? (one !== undefined ? [one] : names),
      files,
      net,
      data,
      out,
      cells,
    },
    services,
    services.console.with(options),
  );
  try {
    await work(study);
  } finally {
    await study.close();
  }
}

/** Parser of `a,b,c`. */
export function listOf(name: string): (text: string) => string[] {
  return (text) => {
    const parts = text.split(',').map((part) => part.trim());
    if (parts.some((part) => part === ''))
      throw new UserError(`${name}: expected a,b,c with nothing empty, got "${text}"`);
    return parts;
  };
}

/** A method and the settings that were said of it. */
export interface MethodChoice {
  readonly method: Method;
  readonly given: Readonly<Record<string, unknown>>;
}

/**
 * `cfr`, or with settings `pgd:norm=l2:iterations=40`. Their values are checked where the net is known.
 * @throws UserError on an unknown method or setting
 */
export function methodChoice(text: string): MethodChoice {
  const [name = '', ...settings] = text.split(':');
  const method = methodNamed(name);
  const given = Object.fromEntries(
    settings.map((setting) => {
      const [key = '', ...rest] = setting.split('=');
      if (key === '' || rest.length !== 1)
        throw new UserError(`--methods: expected NAME:setting=value, got "${setting}" in "${text}"`);
      return settingOf(method, key, rest[0]!);
    }),
  );
  return { method, given };
}

/** A setting by its own name or another of its names (`step-size` too), and its value. @throws UserError that names the known ones */
export function settingOf(method: Method, name: string, text: string): [name: string, value: unknown] {
  const key = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const own = Object.entries(method.table).find(([other, row]) => other === key || row.aliases.includes(key));
  if (!own)
    throw new UserError(
      `${method.name}: expected one of its settings (${Object.keys(method.table).join(', ')}), got "${name}"`,
    );
  return [own[0], own[1].parse(text)];
}

/** Runs `work`; an error in a setting names the method that it was said of. */
export function ofMethod<T>(method: Method, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SettingError) throw new UserError(`${method.name}: ${error.message}`);
    throw error;
  }
}
