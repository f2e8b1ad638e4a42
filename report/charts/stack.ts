/** Several charts as one picture. */
import { element, svgDocument } from '../svg.js';
import { PAPER } from './theme.js';

const HEAD = /^<svg[^>]*? width="([\d.]+)" height="([\d.]+)"[^>]*? aria-label="([^"]*)">/;

/** Charts below each other, `columns` in a row, each at its own size. */
export function stackCharts(charts: readonly string[], columns = 1): string {
  if (charts.length === 1) return charts[0]!;
  const parts: string[] = [];
  let [width, y] = [0, 0];
  const labels: string[] = [];
  for (let start = 0; start < charts.length; start += columns) {
    let [x, height] = [0, 0];
    for (const chart of charts.slice(start, start + columns)) {
      const [head, w, h, label] = HEAD.exec(chart)!;
      const inner = chart.slice(head.length).replace(/<\/svg>\s*$/, '');
      parts.push(element('g', { transform: `translate(${x} ${y})` }, inner));
      labels.push(label!);
      x += Number(w);
      height = Math.max(height, Number(h));
    }
    width = Math.max(width, x);
    y += height;
  }
  const paper = element('rect', { class: 'paper', width, height: y, fill: PAPER });
  return svgDocument(width, y, unescaped(labels.join(' ')), [paper, ...parts]);
}

/** Labels that were escaped once already. */
function unescaped(text: string): string {
  const characters: Readonly<Record<string, string>> = {
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#39;': "'",
    '&amp;': '&',
  };
  return text.replace(/&(?:lt|gt|quot|amp|#39);/g, (entity) => characters[entity]!);
}
