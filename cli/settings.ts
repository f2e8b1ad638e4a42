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
      const option = new Option(`${short}--${flagName(flag)} ${placeholder(name, row)}`, helpOf(row));
      option.helpGroup(group);
      if (flag !== name || hidden(name)) option.hideHelp();
      command.addOption(option);
    }
  }
}

/** All settings of all methods; those of the default method and what several methods share are shown in the help. */
export function addMethodSettings(command: Command, shown: Method): void {
  const union: Record<string, SettingRow> = {};
  const uses = new Map<string, number>();
  for (const method of [shown, ...METHODS]) {
    for (const [name, row] of Object.entries(method.table)) {
      union[name] ??= row;
      uses.set(name, (uses.get(name) ?? 0) + 1);
    }
  }
  addSettings(command, union, 'Attack:', (name) => !(name in shown.table) && uses.get(name)! < 4);
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
      if (value !== undefined) settings[key] = typeof value === 'string' ? row.parse(value) : value;
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

/** The settings of a method that were typed; `--target` may be a class's name. */
export function methodSettings(
  method: Method,
  typed: Typed,
  net: { readonly labels: readonly string[]; readonly classes: number },
): Record<string, unknown> {
  const settings = typedSettings(
    method.table,
    METHODS.map((other) => other.table),
    typed,
    `--method ${method.name}`,
  );
  if (typed.target === undefined) return settings;
  return { ...settings, target: classIndex('--target', String(typed.target), net.labels, net.classes) };
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
  if (row.choices) return `<${name.length > 8 ? 'name' : name}>`;
  if (name === 'iterations') return '<count>';
  return name === 'target' ? '<class>' : '<value>';
}

function helpOf(row: SettingRow): string {
  const own = defaultOf(row);
  const only = row.only ? `${row.only.slice(1).join(', ')}: ` : '';
  return `${only}${row.help}${own === '' ? '' : ` (${own})`}`;
}
