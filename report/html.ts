/** What the parts of the report share: escaping, and the style and script that are put into the page. */
import { UserError } from '../base/errors.js';

/** Text made safe between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

/**
 * A relative path as the value of src or href: each part percent-encoded, so that no file name can become a scheme, a
 * query or a tag. Throws on absolute paths, which would not survive a move of the folder.
 */
export function pathUrl(path: string): string {
  const parts = path.replaceAll('\\', '/').split('/');
  if (parts[0] === '' || /^[A-Za-z]:$/.test(parts[0]!)) {
    throw new UserError(
      `report: expected paths relative to the report, got ${path}; give them from the folder of the run`,
    );
  }
  return escapeHtml(parts.map((part) => encodeURIComponent(part)).join('/'));
}

export const STYLE = `
:root { color-scheme: light dark; --paper: #fcfcfb; --card: #fff; --ink: #1c1e22; --muted: #646b76; --line: #e2e3e6;
  --accent: #c42b1c; --good: #1a7f4b; --bar: #5b6b8c; --soft: #f2f3f5; }
@media (prefers-color-scheme: dark) { :root { --paper: #14161a; --card: #1b1e23; --ink: #eceef1; --muted: #9aa1ac;
  --line: #31353c; --accent: #ff7b68; --good: #5fc08b; --bar: #8fa3cc; --soft: #22262c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1500px; margin: 0 auto; padding: 32px 28px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 36px 0 12px; }
.muted { color: var(--muted); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0 0; padding: 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; }
.tiles dt { color: var(--muted); font-size: 13px; }
.tiles dd { margin: 0; }
.tiles .figure { font-size: 26px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles .hint { color: var(--muted); font-size: 12.5px; line-height: 1.35; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 12px; }
.charts > * { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; margin: 0; }
.charts svg { display: block; width: 100%; height: auto; max-height: 320px; }
.charts .paper { fill: var(--card); }
.charts .ink { fill: var(--ink); }
.charts .muted { fill: var(--muted); }
.charts .grid { stroke: var(--line); }
.charts .mark { fill: var(--bar); }
.charts .mark:hover { fill: var(--accent); }
.charts .mean { stroke: var(--accent); }
.settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 0 28px; margin: 0; }
.settings div { display: flex; justify-content: space-between; gap: 16px; padding: 5px 0; border-bottom: 1px solid var(--line); }
.settings dt { color: var(--muted); }
.settings dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.controls { display: flex; flex-wrap: wrap; align-items: center; gap: 10px 18px; margin: 0 0 12px; }
.controls[hidden] { display: none; }
fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 14px; }
legend { float: left; padding: 0; margin-right: 14px; color: var(--muted); }
input[type=search] { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  padding: 4px 10px; min-width: 220px; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 8px; text-align: left; vertical-align: middle; }
th { background: var(--soft); font-weight: 600; white-space: nowrap; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody th { background: none; font-weight: 400; white-space: normal; overflow-wrap: anywhere; min-width: 80px; max-width: 190px; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-decoration: underline dotted var(--muted); text-underline-offset: 4px; }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
.number { text-align: right; }
.small { font-size: 12.5px; color: var(--muted); }
td img { display: block; width: 96px; height: 96px; object-fit: contain; border-radius: 3px; background: var(--soft); }
.pixels td img { image-rendering: pixelated; }
.fooled { color: var(--accent); } .held { color: var(--good); } .wrong { color: var(--muted); }
.sheet { display: inline-block; margin-top: 4px; }
a { color: inherit; } :focus-visible { outline: 2px solid var(--bar); outline-offset: 2px; }
footer { margin-top: 36px; color: var(--muted); font-size: 13px; }
@media print { .controls { display: none; } .scroll { overflow: visible; } }
`;

/** Sorting by a column and filtering by outcome and text; without it the page still shows everything. */
export const SCRIPT = `
(() => {
  const table = document.getElementById('results');
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows];
  const controls = document.getElementById('controls'), search = document.getElementById('search');
  const filter = () => {
    const outcome = controls.querySelector('input[name=outcome]:checked').value, text = search.value.toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = (outcome !== 'all' && row.dataset.outcome !== outcome) || !row.dataset.text.includes(text);
      if (!row.hidden) shown++;
    }
    document.getElementById('shown').textContent = shown + ' shown';
  };
  const value = (row, i) => row.cells[i].dataset.value;
  table.tHead.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    const head = button.parentElement, i = head.cellIndex;
    const sign = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
    const numeric = head.classList.contains('number');
    for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', sign > 0 ? 'ascending' : 'descending');
    rows.sort((a, b) => sign * (numeric ? value(a, i) - value(b, i) : value(a, i) < value(b, i) ? -1 : value(a, i) > value(b, i) ? 1 : 0));
    body.append(...rows);
  });
  controls.addEventListener('input', filter);
  controls.hidden = false;
  filter();
})();
`;
