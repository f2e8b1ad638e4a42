/**
 * How charts look: colours, marker shapes and dashes differ together, so that series can be told apart in grey and by the
 * colour-blind. A page may recolour what has a class.
 */
import { symbol, symbolsFill } from 'd3-shape';
import { element } from '../svg.js';

/** The colours of Okabe and Ito (2008) without yellow, which white paper swallows. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'] as const;
const DASHES = [undefined, '6 3', '2 3', '9 3 2 3', '12 3'] as const;
export const INK = '#1c1e22';
export const MUTED = '#5b626d';
export const GRID = '#e2e3e6';
export const PAPER = '#ffffff';
/** Font sizes: title, axis titles and legend, ticks. */
export const TITLE = 14;
export const TEXT = 12;
export const SMALL = 11;
export const MARGIN = 14;

export function colourOf(series: number): string {
  return COLOURS[series % COLOURS.length]!;
}

export function dashOf(series: number): string | undefined {
  return DASHES[series % DASHES.length];
}

/** The marker of a series as an element, `area` in square pixels. */
export function marker(series: number, x: number, y: number, area: number, opacity?: number): string {
  const path = symbol(symbolsFill[series % symbolsFill.length]!, area).digits(2)()!;
  return element('path', {
    class: 'mark',
    d: path,
    transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})`,
    fill: colourOf(series),
    'fill-opacity': opacity,
  });
}

export function line(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  stroke: string,
  name: string,
  width = 1,
): string {
  return element('line', { class: name, x1, y1, x2, y2, stroke, 'stroke-width': width });
}
