/** `cfr methods`: what attacks there are, and what can be set on one. */
import type { Command } from 'commander';
import type { Method } from '../../attack/method.js';
import { METHODS, methodNamed } from '../../attack/methods/index.js';
import { commonTable } from '../../attack/settings/common.js';
import type { SettingRow } from '../../attack/settings/rows.js';
import { type Column, formatTable } from '../../report/table.js';
import type { Services } from '../../run/services.js';
import { addOutputOptions, type OutputOptions } from '../options.js';
import { defaultOf, flagName } from '../settings.js';
import { lineCells, wrapped } from '../wrap.js';

export function registerMethods(program: Command, services: Services): void {
  addOutputOptions(program.command('methods'), { device: false })
    .argument('[method]', 'one of them: its source and its settings')
    .description('The attack methods: source, norms, goals; with a name, all its settings.')
    .addHelpText('after', '\nExamples:\n  cfr methods\n  cfr methods pgd\n  cfr methods --json')
    .action((name: string | undefined, options: OutputOptions) => {
      const console = services.console.with(options);
      const chosen = name === undefined ? METHODS : [methodNamed(name)];
      if (console.json) console.document(chosen.map(methodDocument));
      else if (name === undefined) console.say(formatTable(methodColumns, METHODS.map(methodRow), console));
      else for (const method of chosen) console.say(detail(method, lineCells(console.width)));
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

/** A setting in words: what it is, its values, its default. */
function settingText(row: SettingRow): string {
  const only = row.only ? `with ${row.only[0]} ${row.only.slice(1).join(', ')}: ` : '';
  const own = defaultOf(row);
  const facts = [row.choices?.join(', '), row.unit && `in ${row.unit}`, own === '' ? '' : `default ${own}`];
  const told = facts.filter(Boolean).join('; ');
  return `${only}${row.help}${told === '' ? '' : ` (${told})`}`;
}

function settingLines(rows: readonly (readonly [string, SettingRow])[], cells: number): string {
  const indent = 2 + Math.max(...rows.map(([name]) => flagName(name).length + 2)) + 2;
  return rows
    .map(([name, row]) => wrapped(settingText(row), cells, `  --${flagName(name)}`.padEnd(indent)))
    .join('\n');
}

function detail(method: Method, cells: number): string {
  const { name, title, source, table } = method;
  const { norms, targeted, sees } = methodRow(method);
  const common = commonTable('all');
  const rows = Object.entries(table);
  const own = rows.filter(([setting]) => !(setting in common));
  const shared = rows.filter(([setting]) => setting in common);
  const group = (heading: string, of: typeof rows) =>
    of.length === 0 ? [] : [`${heading}\n${settingLines(of, cells)}`];
  return [
    [
      wrapped(`${name}: ${title}`, cells),
      wrapped(source, cells),
      `norms: ${norms}; targeted: ${targeted}; sees ${sees}`,
    ].join('\n'),
    ...group('Its settings:', own),
    ...group('Settings of every method:', shared),
  ].join('\n\n');
}
