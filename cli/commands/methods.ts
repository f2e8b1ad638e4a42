/** `cfr methods`: what attacks there are, and what can be set on one. */
import type { Command } from 'commander';
import type { Method } from '../../attack/method.js';
import { METHODS, methodNamed } from '../../attack/methods/index.js';
import type { SettingRow } from '../../attack/settings/rows.js';
import { type Column, formatTable } from '../../report/table.js';
import type { Services } from '../../run/services.js';
import { addOutputOptions, type OutputOptions } from '../options.js';
import { defaultOf, flagName } from '../settings.js';

export function registerMethods(program: Command, services: Services): void {
  addOutputOptions(program.command('methods'))
    .argument('[method]', 'one of them: its source and its settings')
    .description('The attack methods: source, norms, goals; with a name, all its settings.')
    .addHelpText('after', '\nExamples:\n  cfr methods\n  cfr methods pgd\n  cfr methods --json')
    .action((name: string | undefined, options: OutputOptions) => {
      const console = services.console.with(options);
      const chosen = name === undefined ? METHODS : [methodNamed(name)];
      if (console.json) console.document(chosen.map(methodDocument));
      else if (name === undefined) console.say(formatTable(methodColumns, METHODS.map(methodRow)));
      else for (const method of chosen) console.say(detail(method));
    });
}

const methodColumns: readonly Column[] = [
  { key: 'name', header: 'method' },
  { key: 'norms' },
  { key: 'targeted' },
  { key: 'sees' },
  { key: 'title', header: 'what' },
];

function methodRow({ name, norms, goals, blackBox, title }: Method) {
  const both = goals.includes('untargeted') ? 'too' : 'only';
  const targeted = goals.includes('targeted') ? both : 'no';
  return { name, norms: norms.join(', '), targeted, sees: blackBox ? 'logits' : 'gradients', title };
}

/** What `--json` says of a method. */
export function methodDocument({ name, title, source, norms, goals, blackBox, table }: Method) {
  return {
    name,
    title,
    source,
    norms,
    goals,
    blackBox,
    settings: Object.entries(table).map(([setting, row]) => ({
      name: setting,
      option: `--${flagName(setting)}`,
      help: row.help,
      default: typeof row.default === 'function' ? null : (row.default ?? null),
      defaultText: defaultOf(row) || null,
      choices: row.choices ?? null,
      only: row.only ?? null,
      aliases: row.aliases,
    })),
  };
}

const settingColumns: readonly Column[] = [
  { key: 'option', header: 'setting' },
  { key: 'default', align: 'left' },
  { key: 'what' },
];

function settingRow([name, row]: readonly [string, SettingRow]) {
  const only = row.only ? `with ${row.only[0]} ${row.only.slice(1).join(', ')}: ` : '';
  const choices = row.choices ? ` (${row.choices.join(', ')})` : '';
  return { option: `--${flagName(name)}`, default: defaultOf(row), what: `${only}${row.help}${choices}` };
}

function detail(method: Method): string {
  const { name, title, source, table } = method;
  return `${name}: ${title}\n${source}\n\n${formatTable(settingColumns, Object.entries(table).map(settingRow))}`;
}
