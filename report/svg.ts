/** Pictures with text as SVG, in strings: the same parts give the same bytes, in a page, in print and as PNG (raster.ts). */

import { encodePng } from '../data/image-files.js';
import type { Image } from '../data/rgb.js';
import { escapeHtml } from './html.js';
import { FAMILY, fitText, type Weight } from './typeface.js';

const NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"';

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** An element with its attributes (numbers to a hundredth, undefined ones left out) and its content, which is markup. */
export function element(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escapeHtml(value!)}"`)
    .join('');
  return content === '' ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`;
}

/** A coordinate as text, to a hundredth of a pixel. */
export function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}

export interface TextOptions {
  /** Font size in pixels. */
  readonly size: number;
  readonly fill: string;
  readonly weight?: Weight;
  readonly anchor?: 'start' | 'middle' | 'end';
  /** Clockwise, in degrees, around the text's own point. */
  readonly rotate?: number;
  /** What a page's style sheet may recolour it by. */
  readonly class?: string;
  /** Room in pixels: what is longer ends in "…", with the whole text as its tooltip. */
  readonly room?: number;
}

/** One line of text with its baseline at `y`. */
export function text(content: string, x: number, y: number, options: TextOptions): string {
  const { size, weight = 'regular', room, rotate } = options;
  const shown = room === undefined ? content : fitText(content, room, size, weight);
  if (shown === '') return '';
  return element(
    'text',
    {
      class: options.class,
      x,
      y,
      'font-size': size,
      'font-weight': weight === 'bold' ? 'bold' : undefined,
      'text-anchor': options.anchor === 'start' ? undefined : options.anchor,
      transform: rotate === undefined ? undefined : `rotate(${round(rotate)} ${round(x)} ${round(y)})`,
      fill: options.fill,
    },
    shown === content ? escapeHtml(shown) : `${tooltip(content)}${escapeHtml(shown)}`,
  );
}

/** What a reader sees on pointing at the element that holds it. */
export function tooltip(content: string): string {
  return element('title', {}, escapeHtml(content));
}

/** An image, its pixels as squares where it is enlarged. Its PNG is in the SVG (compressed by Node's zlib). */
export function imageElement(image: Image, x: number, y: number, width: number, height: number): string {
  const href = `data:image/png;base64,${Buffer.from(encodePng(image)).toString('base64')}`;
  return element('image', { x, y, width, height, style: 'image-rendering:pixelated', href });
}

/** A whole picture of `width` x `height` pixels; `label` is what a screen reader says of it. */
export function svgDocument(width: number, height: number, label: string, parts: readonly string[]): string {
  return (
    `<svg${NAMESPACE} width="${round(width)}" height="${round(height)}" viewBox="0 0 ${round(width)} ${round(height)}" ` +
    `font-family="${FAMILY}, Verdana, sans-serif" role="img" aria-label="${escapeHtml(label)}">${parts.join('')}</svg>\n`
  );
}

/** The picture as an element of an HTML page, which needs no namespace. */
export function inlineSvg(svg: string): string {
  return svg.replace(NAMESPACE, '').trimEnd();
}
