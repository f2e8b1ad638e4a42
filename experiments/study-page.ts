/** The page of an experiment. */
import { isAbsolute, relative } from 'node:path';
import type { Norm } from '../attack/settings/common.js';
import { durationText } from '../base/duration.js';
import type {
  Fact,
  FactGroup,
  FileLink,
  PageCell,
  PageChart,
  StudyImages,
  StudyPage,
} from '../report/page-data.js';
import { dateText } from '../report/run-page.js';
import { type Column, cellText, heading, isNumeric, type Row } from '../report/table.js';
import { type Cell, cellTitle } from './cells.js';
import type { Study } from './study.js';

export interface StudyPageInput {
  readonly command: string;
  readonly title: string;
  readonly norm: Norm;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
  readonly charts: readonly PageChart[];
  /** Attacks on the same images; none where nothing was attacked. */
  readonly cells: readonly Cell[];
  readonly files: readonly FileLink[];
  /** The data, in one line or several. */
  readonly data: string | readonly string[];
}

export function studyPage(study: Study, input: StudyPageInput): StudyPage {
  const { command, title, norm, columns, rows, notes, warnings, charts, cells, files } = input;
  const { model } = study.nets[0]!;
  const { height, width } = model.spec;
  const nets = study.nets.map((net) => net.model.name).join(', ');
  return {
    kind: 'study',
    command,
    title,
    subtitle: `${nets} · ${dateText(new Date(study.begun).toISOString())}`,
    classes: model.labels,
    inputSize: [height, width],
    norm,
    warnings,
    notes,
    columns: columns.map((column) => ({ name: heading(column), numeric: isNumeric(column, rows) })),
    rows: rows.map((row) => columns.map((column) => pageCell(column, row))),
    charts,
    images: imagesOf(study, cells),
    facts: factsOf(study, input),
    files,
  };
}

function pageCell(column: Column, row: Row): PageCell {
  const value = row[column.key];
  return {
    text: cellText(column, row),
    value: typeof value === 'number' || typeof value === 'string' ? value : null,
  };
}

/** Of the cells that have the images of the first. */
function imagesOf(study: Study, cells: readonly Cell[]): StudyImages | null {
  const first = cells[0]?.results ?? [];
  const same = cells.filter(
    ({ results }) =>
      results.length === first.length && results.every(({ index }, i) => index === first[i]!.index),
  );
  if (first.length === 0) return null;
  const short = (value: number) => Number(value.toPrecision(5));
  return {
    index: first.map(({ index }) => index),
    name: first.map(({ name = null }) => name),
    label: first.map(({ label }) => label),
    cells: same.map((cell) => ({
      title: cellTitle(cell),
      net: cell.net.model.name,
      pictures: addressOf(study.out, cell.folder),
      success: cell.results.map(({ success }) => success),
      class: cell.results.map(({ adversarial }) => adversarial.class),
      norms: {
        l0: cell.results.map(({ l0 }) => l0),
        l1: cell.results.map(({ l1 }) => short(l1)),
        l2: cell.results.map(({ l2 }) => short(l2)),
        linf: cell.results.map(({ linf }) => short(linf)),
      },
      control: cell.method.kind(cell.settings) === 'control',
    })),
  };
}

/** Null where the folder does not move with the page. */
function addressOf(out: string, folder: string): string | null {
  const path = relative(out, folder).replaceAll('\\', '/');
  if (isAbsolute(path) || path.startsWith('..')) return null;
  return path.split('/').map(encodeURIComponent).join('/');
}

function factsOf(study: Study, { data, cells }: StudyPageInput): FactGroup[] {
  const { services, begun, nets } = study;
  const { command, version } = services.invocation;
  const adapters = [...new Set(cells.flatMap(({ adapter }) => adapter.split('; ')))].filter(
    (name) => name !== '',
  );
  const facts: Fact[] = [
    ['Command', command],
    ['Program', `cfr-attack ${version}`],
    ['Started', dateText(new Date(begun).toISOString())],
    ['Duration', `${durationText((services.now() - begun) / 1000)}; what was finished before took no time`],
    ['Adapter', adapters.join('; ')],
    ['Images', typeof data === 'string' ? data : data.join('; ')],
  ];
  return [
    { title: 'Provenance', facts: facts.filter(([, text]) => text !== '') },
    {
      title: nets.length === 1 ? 'Net' : 'Nets',
      facts: nets.map(({ model, digest }): Fact => [model.name, `${model.spec.arch}, sha256 ${digest}`]),
    },
  ];
}
