/** Command-line options made of settings tables, and settings made of what was typed. */
import { type Command, Option } from 'commander';
import type { Method } from '../attack/method.js';
import { METHODS } from '../attack/methods/index.js';
import { SettingError, type SettingRow, type SettingsTable } from '../attack/settings/rows.js';
import { UserError } from '../base/errors.js';
import { classIndex } from '../run/options.js';

/** What commander found, by setting: text, or true where an option has no value. */
export type Typed = Readonly<Record<string, unknown>>;

/** `stepSize` -> `step-size`. */
export function flagName(setting: string): string {
  return setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Adds an option for each row; `hidden` ones work, too. */
export function addSettings(
  command: Command,
  table: SettingsTable,
  group: string,
  hidden: (name: string) => boolean = () => false,
): void {
  for (const [name, row] of Object.entries(table)) {
    for (const flag of [name, ...row.aliases]) {
      const short = flag === 'iterations' ? '-n, ' : '';
      const long = `--${flagName(flag)}`;
      const option = new Option(`${short}${long} ${placeholder(name, row)}`, helpOf(row));
      option.helpGroup(group);
      option.argParser((text: string, before: unknown) => {
        if (before === undefined) return text;
        throw new UserError(`${long}: expected one value, got "${before}" and "${text}"; leave one out`);
      });
      if (flag !== name || hidden(name)) option.hideHelp();
      command.addOption(option);
    }
  }
}

/** A setting that so many methods have is no speciality of one. */
const SHARED = 8;

/** Settings of the default method that decide about many others. */
const ALWAYS_SHOWN = ['mode', 'preset'];

/**
 * All settings of all methods. The help shows the common ones, what most methods share, and which `mode` and `preset` of the default method;
 * the others are many, and stand in `cfr methods NAME`.
 */
export function addMethodSettings(command: Command, first: Method): void {
  const rows = new Map<string, SettingRow[]>();
  for (const method of [first, ...METHODS.filter((other) => other !== first)])
    for (const [name, row] of Object.entries(method.table)) rows.set(name, [...(rows.get(name) ?? []), row]);
  const union = [...rows].map(([name, all]) => [name, name === 'mode' ? all[0]! : inCommon(all)] as const);
  addSettings(
    command,
    Object.fromEntries(union),
    'Attack:',
    (name) => !ALWAYS_SHOWN.includes(name) && rows.get(name)!.length < SHARED,
  );
}

/** What the help may say of a setting whatever the method. */
function inCommon(rows: readonly SettingRow[]): SettingRow {
  const [first] = rows as readonly [SettingRow, ...SettingRow[]];
  const same = new Set(rows.map(defaultOf)).size === 1;
  return { ...first, only: undefined, ...(same ? {} : { defaultText: 'default by method' }) };
}

/**
 * The settings of a table that were typed, parsed.
 * @throws UserError that names the option, where it is none of the table's
 */
export function typedSettings(
  table: SettingsTable,
  others: readonly SettingsTable[],
  typed: Typed,
  of: string,
): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(table)) {
    for (const key of [name, ...row.aliases]) {
      const value = typed[key];
      if (value === undefined) continue;
      if (row.flag && typeof value === 'string' && !['true', 'false'].includes(value))
        throw new UserError(
          `--${flagName(key)}: expected true, false or no value, got "${value}"; images go before it`,
        );
      settings[key] = typeof value === 'string' ? row.parse(value) : value;
    }
  }
  const known = new Set(Object.keys(settings));
  for (const other of others) {
    for (const [name, row] of Object.entries(other)) {
      for (const key of [name, ...row.aliases]) {
        if (typed[key] === undefined || known.has(key)) continue;
        throw new UserError(
          `--${flagName(key)}: expected only settings of ${of}, got ${typed[key]}; see \`cfr methods\``,
        );
      }
    }
  }
  return settings;
}

/**
 * The settings of a method that were typed; `--target` and `--explain-class` may be a class's name.
 * @param note takes a line about what was concluded
 */
export function methodSettings(
  method: Method,
  typed: Typed,
  net: { readonly labels: readonly string[]; readonly classes: number },
  note: (line: string) => void = () => {},
): Record<string, unknown> {
  const settings = typedSettings(
    method.table,
    METHODS.map((other) => other.table),
    typed,
    `--method ${method.name}`,
  );
  Object.assign(settings, implied(method, settings, note));
  return withClasses(settings, typed, net.labels, net.classes);
}

/** Settings that are classes, which may be typed by name. */
const CLASSES = ['target', 'explainClass'];

/** Settings with their classes as indices. @throws UserError where the net has no such class */
export function withClasses(
  settings: Readonly<Record<string, unknown>>,
  typed: Typed,
  labels: readonly string[],
  classes: number,
): Record<string, unknown> {
  const found = CLASSES.filter((name) => typed[name] !== undefined).map((name) => [
    name,
    classIndex(`--${flagName(name)}`, String(typed[name]), labels, classes),
  ]);
  return { ...settings, ...Object.fromEntries(found) };
}

/** A budget of linf is hardly more than this, and one of l2 hardly less. */
const LARGEST_LINF = 0.2;

/** What an epsilon says of a method that takes one in a mode only, where no mode was typed. */
function implied(
  { name, table }: Method,
  { epsilon, budget = epsilon, ...typed }: Readonly<Record<string, unknown>>,
  note: (line: string) => void,
): Record<string, unknown> {
  const [setting, value] = table.epsilon?.only ?? [];
  if (setting === undefined || typeof budget !== 'number' || typed[setting] !== undefined) return {};
  const norm = typed.norm === undefined && budget < LARGEST_LINF ? { norm: 'linf' } : {};
  const also = 'norm' in norm ? ` --norm ${norm.norm}` : '';
  note(`--epsilon with method ${name} means --${flagName(setting)} ${value}${also}`);
  return { [setting]: value, ...norm };
}

/** Runs `work`; an error that names a setting names its option instead. */
export function withFlags<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SettingError) throw new UserError(`--${flagName(error.setting)}: ${error.detail}`);
    throw error;
  }
}

/** The default of a row, in words; nothing where there is none. */
export function defaultOf(row: SettingRow): string {
  if (row.defaultText !== undefined) return row.defaultText;
  return row.default === undefined || typeof row.default === 'function' ? '' : String(row.default);
}

function placeholder(name: string, row: SettingRow): string {
  if (row.flag) return '[true|false]';
  if (row.choices) return `<${name.length > 8 ? 'name' : name}>`;
  if (name === 'iterations') return '<count>';
  return CLASSES.includes(name) ? '<class>' : '<value>';
}

function helpOf(row: SettingRow): string {
  const own = defaultOf(row);
  return `${row.help}${own === '' ? '' : ` (${own})`}`;
}
