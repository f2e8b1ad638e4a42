/**
 * The report of a run: one HTML page beside its pictures, readable from the disk without a server, without a network and
 * without a script (which only sorts and filters). It holds no date and no random name, so the same run gives the same
 * bytes.
 */
import { aggregate, type Outcome } from '../attack/measures.js';
import { histogramChart } from './charts/histogram.js';
import { escapeHtml, pathUrl, SCRIPT, STYLE } from './html.js';
import { inlineSvg } from './svg.js';

/** A class and the probability that the net gives it. */
export interface ReportPrediction {
  readonly class: number;
  readonly confidence: number;
}

/** A line of `results.jsonl`. */
export interface ReportResult extends Outcome {
  readonly index: number;
  readonly source: string;
  readonly label: number;
  readonly clean: ReportPrediction;
  readonly adversarial: ReportPrediction;
  readonly iterations: number;
  readonly cfr: 'ok' | 'empty';
  readonly cfrPixels: number;
}

/** What the report takes from `summary.json`; its figures are computed from the results. */
export interface ReportSummary {
  readonly method: string;
  readonly model: string;
  readonly adapter: string;
  readonly seed: number;
  readonly settings: unknown;
  /** Images that were left out, as they are of the target class already. */
  readonly alreadyTarget: number;
  /** False: no labels were given, so that success is a changed prediction. Default true. */
  readonly labelled?: boolean;
  /** What makes the results doubtful. Default: nothing. */
  readonly warnings?: readonly string[];
}

/** The pictures of an image, in the order in which they are shown. */
export const REPORT_PICTURES = ['original', 'overlay', 'mask', 'perturbation', 'adversarial'] as const;
export type ReportPicture = (typeof REPORT_PICTURES)[number];

export interface ReportInput {
  readonly summary: ReportSummary;
  readonly results: readonly ReportResult[];
  /** Names of the classes; a class without one goes by its number. */
  readonly labels: readonly string[];
  /** Paths of an image's PNGs, relative to the report; what is not there is left out. */
  pictures(result: ReportResult): Partial<Readonly<Record<ReportPicture, string>>>;
  /** Width and height of the net's input: small images are shown as sharp squares. */
  readonly inputSize: number;
  /** Path of the contact sheet, relative to the report. */
  readonly sheet?: string;
  /** Rows of the table, for browsers' sake; the figures are always of all results. Default 2000. */
  readonly mostRows?: number;
}

const PICTURE_NAMES: Readonly<Record<ReportPicture, string>> = {
  original: 'Original',
  overlay: 'Grad-CAM',
  mask: 'Soft mask',
  perturbation: 'Perturbation',
  adversarial: 'Adversarial',
};

const OUTCOMES = { fooled: 'fooled', held: 'not fooled', wrong: 'wrong when clean' } as const;
type OutcomeName = keyof typeof OUTCOMES;
/** The same where the net's own predictions stand for labels; none is wrong. */
const CHANGES: Readonly<Record<OutcomeName, string>> = {
  ...OUTCOMES,
  fooled: 'prediction changed',
  held: 'prediction kept',
};

function outcomeNames({ labelled = true }: ReportSummary): Readonly<Record<OutcomeName, string>> {
  return labelled ? OUTCOMES : CHANGES;
}

const SMALL_INPUT = 96;

/** The whole page. Throws UserError on a picture's path that is not relative. */
export function buildReport(input: ReportInput): string {
  const { summary } = input;
  const title = `${summary.method} on ${summary.model}`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="muted">Adapter: ${escapeHtml(summary.adapter || 'none')}</p>
${tiles(input)}${warnings(summary)}
${charts(input.results)}
<h2>Settings</h2>
${settings(summary)}
${results(input)}
<footer>All measures are of the saved 8-bit images, pixels in [0,1]; means are over the fooled images.</footer>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function warnings({ warnings: lines = [] }: ReportSummary): string {
  if (lines.length === 0) return '';
  return `\n<h2>Warnings</h2>\n<ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`;
}

function tiles({ results, summary }: ReportInput): string {
  const { images, correct, succeeded, asr, mean } = aggregate(results);
  const { alreadyTarget, labelled = true } = summary;
  const hints = [
    ...(labelled ? [`${images - correct} wrong when clean`] : []),
    ...(alreadyTarget > 0 ? [`${alreadyTarget} more of the target class already`] : []),
  ];
  const figure = (value: number | undefined, digits: number) =>
    value === undefined ? '–' : value.toFixed(digits);
  const entries: readonly (readonly [name: string, figure: string, hint: string])[] = [
    [
      'Attack success rate',
      asr === null ? '–' : `${(100 * asr).toFixed(1)} %`,
      `${succeeded} of ${correct} ${labelled ? 'classified right when clean' : 'predictions changed (no labels given)'}`,
    ],
    ['Images', String(images), hints.join(', ')],
    ['Mean l2', figure(mean?.l2, 3), 'Euclidean norm'],
    ['Mean linf', figure(mean?.linf, 4), 'largest difference'],
    ['Mean l1', figure(mean?.l1, 2), 'sum of differences'],
    ['Mean l0', figure(mean?.l0, 0), 'changed channel values'],
    ['Mean SSIM', figure(mean?.ssim, 4), 'structural similarity'],
  ];
  const tile = ([name, value, hint]: (typeof entries)[number]) =>
    `<div><dt>${name}</dt><dd class="figure">${value}</dd><dd class="hint">${hint}</dd></div>`;
  return `<dl class="tiles">\n${entries.map(tile).join('\n')}\n</dl>`;
}

function charts(results: readonly Outcome[]): string {
  const fooled = results.filter((result) => result.correct && result.success);
  const chart = (label: 'l2' | 'SSIM', values: readonly number[], digits: number) =>
    inlineSvg(
      histogramChart({
        values,
        x: { label },
        of: 'fooled images',
        figure: (value) => value.toFixed(digits),
        empty: 'no image was fooled',
      }),
    );
  const l2 = fooled.map((result) => result.l2);
  const ssim = fooled.map((result) => result.ssim);
  return `<h2>Distributions</h2>
<div class="charts">
<div>${chart('l2', l2, 3)}</div>
<div>${chart('SSIM', ssim, 4)}</div>
</div>`;
}

function settings(summary: ReportSummary): string {
  const entries: [string, string][] = [
    ['model', summary.model],
    ['method', summary.method],
    ['seed', String(summary.seed)],
    ...flatten(summary.settings, '').filter(([name]) => name !== 'seed'),
  ];
  const line = ([name, value]: [string, string]) =>
    `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`;
  return `<dl class="settings">
${entries.map(line).join('\n')}
</dl>`;
}

/** Nested settings by dotted names. */
function flatten(value: unknown, name: string): [string, string][] {
  if (value === undefined) return [];
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) =>
      flatten(inner, name === '' ? key : `${name}.${key}`),
    );
  }
  return [[name === '' ? 'settings' : name, typeof value === 'string' ? value : JSON.stringify(value)]];
}

function results(input: ReportInput): string {
  const total = input.results.length;
  if (total === 0) {
    const { alreadyTarget } = input.summary;
    const reason =
      alreadyTarget > 0
        ? `No image was attacked: ${alreadyTarget} ${alreadyTarget === 1 ? 'is' : 'are'} of the target class already.`
        : 'No image is finished yet.';
    return `<h2>Images</h2>\n<p>${reason}</p>`;
  }
  const shown = input.results.slice(0, input.mostRows ?? 2000);
  const left = total - shown.length;
  const count = (name: OutcomeName) => shown.filter((result) => outcomeOf(result) === name).length;
  const choice = (value: string, text: string, checked = '') =>
    `<label><input type="radio" name="outcome" value="${value}"${checked}> ${text}</label>`;
  const names = (Object.keys(OUTCOMES) as OutcomeName[]).filter((name) => count(name) > 0);
  const note =
    left > 0 ? `<p>The first ${shown.length} of ${total} images; all are in results.jsonl.</p>\n` : '';
  const sheet =
    input.sheet === undefined
      ? ''
      : `<p><a class="sheet" href="${pathUrl(input.sheet)}">Contact sheet</a></p>\n`;
  return `<h2>Images</h2>
${sheet}${note}<form class="controls" id="controls" hidden onsubmit="return false">
<fieldset><legend>Show</legend>${choice('all', `all (${shown.length})`, ' checked')} ${names
    .map((name) => choice(name, `${outcomeNames(input.summary)[name]} (${count(name)})`))
    .join(' ')}</fieldset>
<input type="search" id="search" aria-label="Search sources and classes" placeholder="Search">
<span class="small" id="shown" role="status"></span>
</form>
<div class="scroll">
<table id="results"${input.inputSize <= SMALL_INPUT ? ' class="pixels"' : ''}>
<thead><tr>${head()}</tr></thead>
<tbody>
${shown.map((result) => row(result, input)).join('\n')}
</tbody>
</table>
</div>`;
}

function head(): string {
  const sortable = (name: string, kind = '') =>
    `<th scope="col"${kind}><button type="button">${name}</button></th>`;
  return [
    sortable('Image', ' class="number" style="text-align:left"'),
    ...REPORT_PICTURES.map((picture) => `<th scope="col">${PICTURE_NAMES[picture]}</th>`),
    sortable('Clean'),
    sortable('Attacked'),
    sortable('Outcome'),
    ...['l0', 'l1', 'l2', 'linf', 'SSIM', 'CFR', 'Steps'].map((name) => sortable(name, ' class="number"')),
  ].join('');
}

function row(result: ReportResult, input: ReportInput): string {
  const { labels } = input;
  const paths = input.pictures(result);
  const outcome = outcomeOf(result);
  const truth = result.correct
    ? ''
    : `<br><span class="small">is ${escapeHtml(nameOf(result.label, labels))}</span>`;
  const searched = [
    result.source,
    nameOf(result.clean.class, labels),
    nameOf(result.adversarial.class, labels),
  ];
  const number = (value: number, digits: number) =>
    `<td class="number" data-value="${value}">${value.toFixed(digits)}</td>`;
  const cells = [
    `<th scope="row" data-value="${result.index}">${result.index}<br><span class="small">${escapeHtml(result.source)}</span></th>`,
    ...REPORT_PICTURES.map((kind) => `<td>${picture(kind, paths[kind], result)}</td>`),
    `<td data-value="${escapeHtml(nameOf(result.clean.class, labels))}">${prediction(result.clean, labels)}${truth}</td>`,
    `<td data-value="${escapeHtml(nameOf(result.adversarial.class, labels))}">${prediction(result.adversarial, labels)}</td>`,
    `<td class="${outcome}" data-value="${outcome}">${outcomeNames(input.summary)[outcome]}</td>`,
    number(result.l0, 0),
    number(result.l1, 2),
    number(result.l2, 3),
    number(result.linf, 4),
    number(result.ssim, 4),
    result.cfr === 'empty' ? '<td class="number" data-value="0">empty</td>' : number(result.cfrPixels, 0),
    number(result.iterations, 0),
  ];
  return `<tr data-outcome="${outcome}" data-text="${escapeHtml(searched.join(' ').toLowerCase())}">${cells.join('')}</tr>`;
}

function picture(kind: ReportPicture, path: string | undefined, result: ReportResult): string {
  if (path === undefined) return '<span class="small">none</span>';
  const url = pathUrl(path);
  const alt = escapeHtml(`${PICTURE_NAMES[kind]} of image ${result.index}, ${result.source}`);
  return `<a href="${url}"><img src="${url}" alt="${alt}" width="96" height="96" loading="lazy" decoding="async"></a>`;
}

/** An attack can neither fool nor fail to fool a net that was wrong before it. */
function outcomeOf(result: Outcome): OutcomeName {
  if (!result.correct) return 'wrong';
  return result.success ? 'fooled' : 'held';
}

function prediction({ class: index, confidence }: ReportPrediction, labels: readonly string[]): string {
  return `${escapeHtml(nameOf(index, labels))}<br><span class="small">${(100 * confidence).toFixed(1)} %</span>`;
}

function nameOf(index: number, labels: readonly string[]): string {
  return labels[index] ?? `class ${index}`;
}
