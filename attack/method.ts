/**
 * What an attack method is. A method is one file of `methods/`: its settings, and its update rule as procedures over a `Frame`, which has
 * everything that methods share. Nothing outside of that file and the list in `methods/index.ts` knows it.
 */
import type { Variable } from '../engine/graph.js';
import type { Program, Step } from '../engine/program.js';
import type { Frame } from './frame.js';
import { type CommonSettings, commonTable, type Norm } from './settings/common.js';
import {
  type AttackedNet,
  choice,
  resolveSettings,
  SettingError,
  type SettingRow,
  type Settings,
  type SettingsTable,
} from './settings/rows.js';
import type { AttackSettings, Goal, Kind, MethodTraits } from './traits.js';

/** An attack method: what it says of itself, its settings, and its update rule as procedures over a frame. */
export interface Method extends MethodTraits {
  /** Traces `begin` (`Frame.begin`), which starts every run, and the method's own procedures. */
  readonly trace: (frame: Frame, settings: AttackSettings) => Traced;
  /** @throws SettingError on unknown names and bad values */
  readonly settings: (options: Readonly<Record<string, unknown>>, net: AttackedNet) => AttackSettings;
}

/** What tracing a method leaves for the driver. */
export interface Traced {
  /** Procedures in order, after the explanation and `begin`; long ones are cut into several submissions. */
  readonly steps: readonly Step[];
  /** Procedures that must run at the end, also when every image is done before all steps. */
  readonly tail: readonly Step[];
  /** Images can be done early: the driver looks between submissions. */
  readonly stops?: boolean;
  /** A patch that the caller hands over with the attack, as it does with a region's mask; written once. */
  readonly given?: Variable;
  /** The start [n, 3, h, w], written by the host before the run: `fill` makes one image's. */
  readonly start?: {
    readonly variable: Variable;
    fill(image: Float32Array, seed: number, index: number): void;
  };
  /** The result's delta [n, 3, h, w] where it is not xAdv - x. */
  readonly delta?: (result: DeltaOf) => Promise<Float32Array>;
}

export interface DeltaOf {
  readonly program: Program;
  readonly x: Float32Array;
  readonly xAdv: Float32Array;
  /** [n, h, w] */
  readonly mask: Float32Array;
  /** h * w */
  readonly pixels: number;
}

/** By name: what it is for, and the settings that it stands for. */
export type Presets = Readonly<
  Record<string, { readonly help: string; readonly settings: Readonly<Record<string, string | number>> }>
>;

/** How a method says what it is; `defineMethod` fills in the rest. */
export interface MethodDefinition<T extends SettingsTable> {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  readonly goals: readonly Goal[];
  readonly norms: readonly Norm[];
  readonly blackBox?: boolean;
  readonly kind: Kind | ((settings: Settings<T>) => Kind);
  /** Default: the setting `norm`, else the only one of `norms`. */
  readonly norm?: (settings: Settings<T>) => Norm;
  /** Default `all`. */
  readonly region?: 'all' | 'cfr';
  /** Its own settings. */
  readonly settings: T;
  readonly slots?: readonly string[];
  /** Named sets of its settings: the values of the setting `preset`, which it then has too. Single settings beside a preset override it. */
  readonly presets?: Presets;
  /** What no row can say by itself. @throws SettingError */
  readonly check?: (settings: Settings<T>, net: AttackedNet) => void;
  /** Default: never. */
  readonly idle?: (settings: Settings<T>) => boolean;
  readonly trace: (frame: Frame, settings: Settings<T> & CommonSettings) => Traced;
}

export function defineMethod<T extends SettingsTable>(definition: MethodDefinition<T>): Method {
  const { name, title, source, goals, norms, kind, presets } = definition;
  const table: SettingsTable = {
    ...commonTable(definition.region ?? 'all'),
    ...(presets && { preset: presetRow(presets) }),
    ...definition.settings,
  };
  const typed = (settings: AttackSettings) => settings as unknown as Settings<T> & CommonSettings;
  return {
    name,
    title,
    source,
    goals,
    norms,
    blackBox: definition.blackBox ?? false,
    kind: typeof kind === 'function' ? (settings) => kind(typed(settings)) : () => kind,
    norm: (settings) =>
      definition.norm?.(typed(settings)) ?? (settings.norm as Norm | undefined) ?? norms[0]!,
    table,
    slots: definition.slots ?? [],
    idle: (settings) => definition.idle?.(typed(settings)) ?? false,
    trace: (frame, settings) => definition.trace(frame, typed(settings)),
    settings(options, net) {
      const chosen = presets ? withPreset(presets, table, options) : options;
      const settings = resolveSettings(table, chosen, net, `method ${name}`) as unknown as AttackSettings;
      if (settings.target !== undefined && !goals.includes('targeted'))
        throw new SettingError(
          'target',
          `expected none with method ${name}, which has no targeted form, got ${settings.target}`,
        );
      if (settings.target === undefined && !goals.includes('untargeted'))
        throw new SettingError(
          'target',
          `expected a class with method ${name}, which has no untargeted form, got none`,
        );
      checkEpsilon(settings, this.norm(settings));
      definition.check?.(typed(settings), net);
      return settings;
    },
  };
}

/** A set's name; nothing where the settings stand for themselves. */
function presetRow(presets: Presets): SettingRow<string> {
  const sets = Object.entries(presets).map(([name, { help, settings }]) => {
    const values = Object.entries(settings).map(([setting, value]) => `${setting} ${value}`);
    return `${name}: ${help} (${values.join(', ')})`;
  });
  return choice(Object.keys(presets), {
    defaultText: 'none',
    help: `settings under one name, which others override. ${sets.join('; ')}`,
  });
}

/** What a preset stands for, below what is given beside it. An unknown name is left for its row to refuse. */
function withPreset(
  presets: Presets,
  table: SettingsTable,
  options: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const preset = options.preset;
  if (typeof preset !== 'string' || !Object.hasOwn(presets, preset)) return options;
  const { settings } = presets[preset]!;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(settings)) {
    const [other, ...values] = table[name]!.only ?? [];
    if (other !== undefined && given[other] !== undefined && !values.includes(given[other] as string))
      throw new SettingError(
        'preset',
        `expected none with ${other} ${given[other]}, got "${preset}", which is ${other} ${values.join(' or ')}`,
      );
  }
  return { ...settings, ...given };
}

/** An 8 that is meant as 8/255 would leave no bound at all. */
function checkEpsilon({ epsilon }: AttackSettings, norm: Norm): void {
  if (norm === 'linf' && typeof epsilon === 'number' && epsilon > 1)
    throw new SettingError(
      'epsilon',
      `expected at most 1 with norm linf, as pixels are in [0,1], got ${epsilon}${epsilon <= 255 ? `; ${epsilon}/255?` : ''}`,
    );
}
