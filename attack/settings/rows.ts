/**
 * Settings as data: a row says what a setting is, and types, defaults, checks, command-line options, help, documentation and the labels of
 * reports follow from it. A method's settings are a table of rows by name.
 */
import * as v from 'valibot';
import { UserError } from '../../base/errors.js';
import { suggestion } from '../../base/suggestion.js';

/** What defaults and checks may depend on. */
export interface AttackedNet {
  /** Height and width of its images. */
  readonly inputSize: number;
  /** Logits that it gives. */
  readonly classes: number;
}

/** One setting: its values, default, and what is said of it. */
export interface SettingRow<T = unknown> {
  /** What values there are, to a person: `a number from 0 to 1`. */
  expected(net: AttackedNet): string;
  /** Checks a value against the net. */
  schema(net: AttackedNet): v.GenericSchema<unknown, T>;
  /** The value that is meant by what somebody types; what is no value at all is left for the schema to refuse. */
  parse(text: string): unknown;
  /** Used where no value is given; computed where it depends on the net or on settings above it. */
  readonly default:
    | T
    | undefined
    | ((net: AttackedNet, others: Readonly<Record<string, unknown>>) => T | undefined);
  /** What it is, in a few words, for help and lists. */
  readonly help: string;
  /** Of its values, for lists: `l2`, `[0,1]`. */
  readonly unit: string | undefined;
  /** The default in words, where it is computed. */
  readonly defaultText: string | undefined;
  /** Part of the program: another value needs another compilation. Else a number that the program reads, for each image its own. */
  readonly structural: boolean;
  /** May be absent. */
  readonly optional: boolean;
  /** Applies only where another setting has one of these values. */
  readonly only: readonly [setting: string, ...values: (string | boolean)[]] | undefined;
  /** Other names for it. */
  readonly aliases: readonly string[];
  /** The values of a choice. */
  readonly choices: readonly string[] | undefined;
  /** True or false. */
  readonly flag: boolean;
}

/** A method's settings by name, in the order in which they are resolved. */
export type SettingsTable = Readonly<Record<string, SettingRow>>;

type ValueOf<R> = R extends SettingRow<infer T> ? T : never;

/** Settings that are checked and complete: plain data, `settings` of summary.json as it is. */
export type Settings<T extends SettingsTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** What a caller may say; everything has a default. */
export type SettingsOptions<T extends SettingsTable> = {
  readonly [K in keyof T]?: ValueOf<T[K]> | undefined;
};

/** What every row may say beside its values. */
interface Common<T> {
  readonly default?: SettingRow<T>['default'];
  readonly help: string;
  readonly unit?: string;
  readonly defaultText?: string;
  readonly structural?: boolean;
  readonly only?: SettingRow['only'];
  readonly aliases?: readonly string[];
}

function row<T>(
  common: Common<T>,
  own: Pick<SettingRow<T>, 'expected' | 'schema' | 'parse'> & {
    structural: boolean;
    choices?: readonly string[];
    flag?: boolean;
  },
): SettingRow<T> {
  return {
    help: common.help,
    default: common.default,
    unit: common.unit,
    defaultText: common.defaultText,
    only: common.only,
    aliases: common.aliases ?? [],
    optional: common.default === undefined,
    choices: own.choices,
    flag: own.flag ?? false,
    expected: own.expected,
    schema: own.schema,
    parse: own.parse,
    structural: common.structural ?? own.structural,
  };
}

/** A finite number from `min` (or above `above`) to `max`; `8/255` is understood where it is typed. */
export function real(
  options: Common<number> & { readonly min?: number; readonly above?: number; readonly max?: number },
): SettingRow<number> {
  const { min, above, max } = options;
  const short = (value: number) => String(Number(value.toPrecision(4)));
  const low =
    above === undefined ? (min === undefined ? '' : ` from ${short(min)}`) : ` above ${short(above)}`;
  const high =
    max === undefined ? '' : above === undefined && min !== undefined ? ` to ${max}` : ` up to ${max}`;
  return row(options, {
    structural: false,
    expected: () => `a number${low}${high}`,
    schema: () =>
      v.pipe(
        v.number(),
        v.finite(),
        v.check(
          (value) =>
            value >= (min ?? -Infinity) && value <= (max ?? Infinity) && value > (above ?? -Infinity),
        ),
      ),
    parse: numberOf,
  });
}

/** A whole number from `min` to `max`. */
export function integer(
  options: Common<number> & { readonly min: number; readonly max: number },
): SettingRow<number> {
  const { min, max } = options;
  return row(options, {
    structural: true,
    expected: () => `an integer from ${min} to ${max}`,
    schema: () => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max)),
    parse: (text) => (/^[+-]?\d+$/.test(text.trim()) ? Number(text) : text),
  });
}

/** One of some names. */
export function choice<const T extends string>(
  choices: readonly T[],
  options: Common<NoInfer<T>>,
): SettingRow<T> {
  return row<T>(options, {
    structural: true,
    choices,
    expected: () => `one of ${choices.join(', ')}`,
    schema: () => v.picklist(choices),
    parse: (text) => text,
  });
}

/** Yes or no. */
export function flag(options: Common<boolean>): SettingRow<boolean> {
  return row(options, {
    structural: true,
    flag: true,
    expected: () => 'true or false',
    schema: () => v.boolean(),
    parse: (text) => (text === 'true' ? true : text === 'false' ? false : text),
  });
}

/** A class of the net; absent where none is given. */
export function classOfNet(options: Common<number | undefined>): SettingRow<number | undefined> {
  const range = (net: AttackedNet) => `an integer from 0 to ${net.classes - 1}`;
  return row<number | undefined>(options, {
    structural: false,
    expected: range,
    schema: (net) => v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(net.classes - 1))),
    parse: (text) => (/^\d+$/.test(text) ? Number(text) : text),
  });
}

/** Text of a form that `check` knows; `check` says what is wrong with it, or nothing. */
export function pattern<T extends string | number>(
  options: Common<T> & {
    readonly expected: string;
    readonly check: (value: unknown) => boolean;
    readonly parse?: (text: string) => unknown;
  },
): SettingRow<T> {
  return row<T>(options, {
    structural: true,
    expected: () => options.expected,
    schema: () => v.custom<T>(options.check),
    parse: options.parse ?? ((text) => text),
  });
}

/** A setting that has no such value. `message` names the setting; a command line says its flag instead. */
export class SettingError extends UserError {
  constructor(
    /** Its name. */
    readonly setting: string,
    /** Expected, got, what to do; without the name. */
    readonly detail: string,
  ) {
    super(`${setting}: ${detail}`);
  }
}

/**
 * Fills in the defaults and checks everything.
 * @param of what the settings are of, for messages: `method pgd`
 * @throws SettingError on an unknown name, a value that is none, a setting that does not apply
 */
export function resolveSettings<T extends SettingsTable>(
  table: T,
  options: Readonly<Record<string, unknown>>,
  net: AttackedNet,
  of: string,
): Settings<T> {
  const given = byRow(table, options, of);
  const settings: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(table)) {
    const value = given[name];
    if (one.only && !applies(one, settings)) {
      if (value === undefined) continue;
      const [other, ...values] = one.only;
      throw new SettingError(
        name,
        `expected no value with ${other} ${settings[other]}, got ${shown(value)}; it belongs to ${other} ${values.join(' or ')}`,
      );
    }
    const chosen = value ?? (typeof one.default === 'function' ? one.default(net, settings) : one.default);
    if (chosen === undefined && one.optional) continue;
    if (!v.safeParse(one.schema(net), chosen).success)
      throw new SettingError(
        name,
        `expected ${one.expected(net)}, got ${shown(chosen)}${meant(one, chosen)}`,
      );
    settings[name] = chosen;
  }
  return settings as Settings<T>;
}

function applies({ only }: SettingRow, settings: Readonly<Record<string, unknown>>): boolean {
  if (!only) return true;
  const [other, ...values] = only;
  return values.includes(settings[other] as string | boolean);
}

/** Values by the rows' own names. */
function byRow(
  table: SettingsTable,
  options: Readonly<Record<string, unknown>>,
  of: string,
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const own = Object.keys(table).find((key) => key === name || table[key]!.aliases.includes(name));
    if (own === undefined) {
      throw new SettingError(
        name,
        `expected a setting of ${of} (${Object.keys(table).join(', ')}), got ${shown(value)}`,
      );
    }
    if (given[own] !== undefined)
      throw new SettingError(name, `expected it or ${own}, got both; they are the same setting`);
    given[own] = value;
  }
  return given;
}

/** `0.5`, `8/255`; anything else stays text, for the schema to refuse. */
function numberOf(text: string): number | string {
  const parts = text.trim().split('/');
  const [numerator, denominator = 1] = parts.map(Number);
  if (parts.length > 2 || parts.some((part) => part.trim() === '')) return text;
  const value = numerator! / denominator;
  return Number.isFinite(value) ? value : text;
}

function meant({ choices }: SettingRow, value: unknown): string {
  return choices && typeof value === 'string' ? suggestion(value, choices) : '';
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? `"${value}"` : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
