/**
 * A map of grey levels shown as heat, and the border of a region, by filters of the browser: pictures of a page that is opened from a
 * disk may be shown but not read.
 */
import { interpolateInferno } from 'd3-scale-chromatic';

const STEPS = 32;

/** `r g b` of the colour map at even steps, in [0,1]: what the picture's heat is made of (report/pictures.ts). */
const TABLE = (() => {
  const colours = Array.from({ length: STEPS + 1 }, (_, i) => {
    const hex = Number.parseInt(interpolateInferno(i / STEPS).slice(1), 16);
    return [hex >> 16, (hex >> 8) & 255, hex & 255];
  });
  return [0, 1, 2].map((c) => colours.map((colour) => (colour[c]! / 255).toFixed(3)).join(' '));
})();

/** Must stand once in a page that uses the filters `#heat` and `#outline`. */
export function HeatFilters() {
  return (
    <svg width="0" height="0" class="filters" aria-hidden="true" focusable="false">
      {/* Alpha grows with the heat, as in the pictures: cold parts let the image through. */}
      <filter id="heat" color-interpolation-filters="sRGB" x="0" y="0" width="100%" height="100%">
        <feColorMatrix type="matrix" values="1 0 0 0 0  1 0 0 0 0  1 0 0 0 0  .65 0 0 0 .35" />
        <feComponentTransfer>
          <feFuncR type="table" tableValues={TABLE[0]!} />
          <feFuncG type="table" tableValues={TABLE[1]!} />
          <feFuncB type="table" tableValues={TABLE[2]!} />
        </feComponentTransfer>
      </filter>
      <filter id="outline" color-interpolation-filters="sRGB" x="0" y="0" width="100%" height="100%">
        {/* Wherever the mask is above 0 its alpha is 1. */}
        <feColorMatrix type="matrix" values="0 0 0 0 1  0 0 0 0 1  0 0 0 0 1  255 0 0 0 0" result="inside" />
        <feMorphology in="inside" operator="erode" radius="1.5" result="smaller" />
        <feComposite in="inside" in2="smaller" operator="out" result="line" />
        <feMorphology in="inside" operator="dilate" radius="1.2" result="larger" />
        <feComposite in="larger" in2="inside" operator="out" result="around" />
        <feColorMatrix
          in="around"
          type="matrix"
          values="0 0 0 0 0  0 0 0 0 0  0 0 0 0 0  0 0 0 .7 0"
          result="dark"
        />
        <feMerge>
          <feMergeNode in="dark" />
          <feMergeNode in="line" />
        </feMerge>
      </filter>
    </svg>
  );
}
