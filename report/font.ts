/**
 * A single-line geometric font, drawn for this project and given to the public domain: pictures carry captions without
 * any font file, alike on every machine and in the browser. Glyphs are strokes, so any size comes out smooth.
 */

/** Height of capitals and digits above the baseline, in glyph units; small letters have 10, tails hang 4 below it. */
export const CAP_HEIGHT = 14;

/**
 * Strokes of each character. `;` starts a new stroke; `x,y` is its next point (y upwards from the baseline);
 * `@cx,cy,rx,ry,from,to` appends an arc of an ellipse, in degrees counter-clockwise from +x. Digits are equally wide.
 */
const STROKES: Readonly<Record<string, string>> = {
  ' ': '',
  '!': '0,14 0,4.6;0,0 0,.2',
  '"': '0,14 0,10.4;3.2,14 3.2,10.4',
  '#': '2,0 3.6,14;6.4,0 8,14;.6,9.4 10,9.4;0,4.6 9.4,4.6',
  $: '@4.2,10.1,3.9,3.1,35,270 @4.2,3.5,4.2,3.5,90,-150;4.2,15.6 4.2,-2.4',
  '%': '@2.6,10.8,2.6,3.2,0,360;@10.2,3.2,2.6,3.2,0,360;9.8,14 3,0',
  '&': '9.6,0 2,9.2 @4.2,11.2,2.7,2.8,225,-50 1.6,6.2 @3.8,3.6,3.8,3.6,140,320 9.4,6.6',
  "'": '0,14 0,10.4',
  '(': '@5,5.7,5,10.7,128,232',
  ')': '@-3.1,5.7,5,10.7,52,-52',
  '*': '3,14 3,7.8;.3,12.4 5.7,9.4;.3,9.4 5.7,12.4',
  '+': '4,9.4 4,1.4;0,5.4 8,5.4',
  ',': '.9,.2 0,-2.8',
  '-': '0,5.2 4.4,5.2',
  '.': '0,0 0,.2',
  '/': '0,-1.8 5.8,15',
  '0': '@4,7,4,7,0,360',
  '1': '1.4,11.4 4.8,14 4.8,0',
  '2': '@4,10.1,3.8,3.9,172,-35 0,0 8,0',
  '3': '@3.8,10.65,3.5,3.35,152,-90 2.4,7.3;3.8,7.3 @3.9,3.65,4,3.65,90,-152',
  '4': '6,0 6,14 0,4 8,4',
  '5': '7.2,14 1.3,14 .6,7.5 @3.8,4.6,4.1,4.6,135,-150',
  '6': '@4,4.5,4,4.5,0,360;@7.2,4.5,7.2,9.5,97,180',
  '7': '0,14 8,14 2.6,0',
  '8': '@4,10.65,3.5,3.35,0,360;@4,3.65,4,3.65,0,360',
  '9': '@4,9.5,4,4.5,0,360;@.8,9.5,7.2,9.5,-83,0',
  ':': '0,0 0,.2;0,8.4 0,8.6',
  ';': '.9,.2 0,-2.8;.9,8.4 .9,8.6',
  '<': '7.4,9.8 0,5.4 7.4,1',
  '=': '0,7.4 8,7.4;0,3.4 8,3.4',
  '>': '0,9.8 7.4,5.4 0,1',
  '?': '@3.6,10.6,3.5,3.4,170,-48 3.6,6 3.6,4.4;3.6,0 3.6,.2',
  '@': '@7,5.4,3,3.6,0,360;10,9 10,4 @12,4,2,2.2,180,360 @7,5.4,7,8.2,0,305',
  A: '0,0 5,14 10,0;1.7,4.7 8.3,4.7',
  B: '0,0 0,14 4.4,14 @4.4,10.7,3.6,3.3,90,-90 0,7.4;4.4,7.4 @4.9,3.7,4,3.7,90,-90 0,0',
  C: '@5.6,7,5.6,7,46,314',
  D: '0,0 0,14 3.6,14 @3.6,7,6.2,7,90,-90 0,0',
  E: '7.4,14 0,14 0,0 7.6,0;0,7.3 6.6,7.3',
  F: '7.4,14 0,14 0,0;0,7.1 6.4,7.1',
  G: '@5.6,7,5.6,7,46,320 9.9,6.4 6,6.4',
  H: '0,0 0,14;9,0 9,14;0,7.2 9,7.2',
  I: '0,0 0,14',
  J: '5.4,14 5.4,3.2 @2.7,3.2,2.7,3.2,0,-160',
  K: '0,0 0,14;8.4,14 0,5.4;3,8.4 8.8,0',
  L: '0,14 0,0 6.8,0',
  M: '0,0 0,14 5.6,4.4 11.2,14 11.2,0',
  N: '0,0 0,14 9,0 9,14',
  O: '@5.8,7,5.8,7,0,360',
  P: '0,0 0,14 4.6,14 @4.6,10.3,3.9,3.7,90,-90 0,6.6',
  Q: '@5.8,7,5.8,7,0,360;7.2,3.6 11.2,-.8',
  R: '0,0 0,14 4.6,14 @4.6,10.3,3.9,3.7,90,-90 0,6.6;4.6,6.6 8.8,0',
  S: '@4.2,10.6,3.9,3.4,35,270 @4.2,3.6,4.2,3.6,90,-152',
  T: '0,14 9.4,14;4.7,14 4.7,0',
  U: '0,14 0,4.6 @4.5,4.6,4.5,4.6,180,360 9,14',
  V: '0,14 4.9,0 9.8,14',
  W: '0,14 3.5,0 7,13 10.5,0 14,14',
  X: '0,14 9,0;9,14 0,0',
  Y: '0,14 4.6,6.6 9.2,14;4.6,6.6 4.6,0',
  Z: '.2,14 8.6,14 0,0 8.8,0',
  '[': '2.8,15.2 0,15.2 0,-2.6 2.8,-2.6',
  '\\': '0,15 5.8,-1.8',
  ']': '0,15.2 2.8,15.2 2.8,-2.6 0,-2.6',
  '^': '0,9 3.2,14 6.4,9',
  _: '0,-2.4 8,-2.4',
  '`': '0,14 2,11.4',
  a: '@3.6,7,3.3,3,152,0 6.9,0;6.9,5.7 3.2,5.7 @3.2,2.85,3.2,2.85,90,270 @3.2,2.85,3.7,2.85,270,360',
  b: '0,14 0,0;@3.8,5,3.8,5,0,360',
  c: '@3.8,5,3.8,5,48,312',
  d: '7.6,14 7.6,0;@3.8,5,3.8,5,0,360',
  e: '0,5.2 7.6,5.2 @3.8,5,3.8,5,2,318',
  f: '@4.8,11,2.6,3,75,180 2.2,0;0,10 5,10',
  g: '7.6,10 7.6,-.4 @3.8,-.4,3.8,3.6,0,-150;@3.8,5,3.8,5,0,360',
  h: '0,14 0,0;0,6 @3.6,6,3.6,4,180,0 7.2,0',
  i: '0,10 0,0;0,13.6 0,13.8',
  j: '2,10 2,-1.8 @0,-1.8,2,2.2,0,-90;2,13.6 2,13.8',
  k: '0,14 0,0;6.4,10 0,4;2.6,6.4 7,0',
  l: '0,14 0,2.2 @2,2.2,2,2.2,180,265',
  m: '0,10 0,0;0,6.6 @2.9,6.6,2.9,3.4,180,0 5.8,0;5.8,6.6 @8.7,6.6,2.9,3.4,180,0 11.6,0',
  n: '0,10 0,0;0,6 @3.6,6,3.6,4,180,0 7.2,0',
  o: '@3.9,5,3.9,5,0,360',
  p: '0,10 0,-4;@3.8,5,3.8,5,0,360',
  q: '7.6,10 7.6,-4;@3.8,5,3.8,5,0,360',
  r: '0,10 0,0;0,6 @3.6,6,3.6,4,180,72',
  s: '@3.4,7.5,3,2.5,30,270 @3.4,2.5,3.3,2.5,90,-152',
  t: '2.2,13 2.2,2.4 @4.8,2.4,2.6,2.4,180,275;0,10 5,10',
  u: '0,10 0,4 @3.6,4,3.6,4,180,360;7.2,10 7.2,0',
  v: '0,10 3.7,0 7.4,10',
  w: '0,10 2.8,0 5.6,9.4 8.4,0 11.2,10',
  x: '0,10 7,0;7,10 0,0',
  y: '0,10 3.7,.4;7.4,10 3,-2 @1,-1.6,2.2,2.4,-15,-100',
  z: '.2,10 6.8,10 0,0 7,0',
  '{': '3.4,15.2 @3.4,13.2,1.7,2,90,180 1.7,8.3 @0,8.3,1.7,2,0,-90 @0,4.3,1.7,2,90,0 1.7,-.6 @3.4,-.6,1.7,2,180,270',
  '|': '0,15.2 0,-2.6',
  '}': '0,15.2 @0,13.2,1.7,2,90,0 1.7,8.3 @3.4,8.3,1.7,2,180,270 @3.4,4.3,1.7,2,90,180 1.7,-.6 @0,-.6,1.7,2,0,-90',
  '~': '@2.2,4.8,2.2,2,180,0 @6.6,4.8,2.2,2,180,360',
  '·': '0,5.2 0,5.4',
  '–': '0,5.2 7.4,5.2',
  '…': '0,0 0,.2;4,0 4,.2;8,0 8,.2',
  '×': '0,8.8 7,1.8;7,8.8 0,1.8',
  '→': '0,5.2 10.4,5.2;6.8,8.8 10.4,5.2 6.8,1.6',
  '≥': '0,10.4 7.4,6.8 0,3.2;0,0 7.4,0',
};

/** Room after a glyph, between stroke centres, and the advance of a space, in glyph units. */
const SPACING = 3.7;
const SPACE = 5.5;
const DIGIT_WIDTH = 8;

export interface Glyph {
  /** Line segments x0, y0, x1, y1 in glyph units, y upwards from the baseline. */
  readonly segments: readonly (readonly [number, number, number, number])[];
  /** Distance to the next glyph's origin, in glyph units. */
  readonly advance: number;
}

const glyphs = new Map<string, Glyph>();

/** The glyph of a character; letters with marks fall back to the bare letter, anything else to "?". */
export function glyphOf(character: string): Glyph {
  const known = STROKES[character] !== undefined ? character : character.normalize('NFD').charAt(0);
  const name = STROKES[known] !== undefined ? known : '?';
  let glyph = glyphs.get(name);
  if (!glyph) {
    glyph = parse(name, STROKES[name]!);
    glyphs.set(name, glyph);
  }
  return glyph;
}

function parse(name: string, strokes: string): Glyph {
  const segments: [number, number, number, number][] = [];
  let width = 0;
  for (const stroke of strokes.split(';').filter((text) => text !== '')) {
    const points: [number, number][] = [];
    for (const item of stroke.split(' ')) {
      if (item.startsWith('@')) points.push(...arc(item.slice(1).split(',').map(Number)));
      else points.push(item.split(',').map(Number) as [number, number]);
    }
    for (const [i, [x, y]] of points.entries()) {
      width = Math.max(width, x);
      const [px, py] = points[i - 1] ?? [x, y];
      if (i > 0) segments.push([px, py, x, y]);
    }
  }
  if (name === ' ') return { segments, advance: SPACE };
  return { segments, advance: (/\d/.test(name) ? DIGIT_WIDTH : width) + SPACING };
}

/** Points of an arc, a chord every 15 degrees or less. */
function arc([cx = 0, cy = 0, rx = 0, ry = 0, from = 0, to = 0]: readonly number[]): [number, number][] {
  const steps = Math.ceil(Math.abs(to - from) / 15);
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / steps) * Math.PI) / 180;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });
}
