/** Names along a horizontal axis. */
import { text } from '../svg.js';
import { textWidth } from '../typeface.js';
import { INK, SMALL } from './theme.js';

/** Whether names are too long to stand side by side. */
export function slanted(names: readonly string[], step: number): boolean {
  return names.some((name) => textWidth(name, SMALL) > step - 6);
}

const SLANT = (35 * Math.PI) / 180;
const LONGEST_NAME = 150;

/** Height in pixels of a row of names. */
export function nameHeight(names: readonly string[], slant: boolean): number {
  if (!slant) return SMALL + 6;
  const longest = Math.max(...names.map((name) => textWidth(name, SMALL)));
  return Math.min(LONGEST_NAME, longest) * Math.sin(SLANT) + SMALL + 4;
}

/** Names under their places, slanted where they would run into each other, shortened where even so they have no room. */
export function nameLabels(
  names: readonly string[],
  middle: (index: number) => number,
  top: number,
  step: number,
  slant: boolean,
): string[] {
  const style = { size: SMALL, fill: INK, class: 'ink' };
  return names.map((name, i) => {
    const x = middle(i);
    if (!slant) return text(name, x, top + SMALL + 2, { ...style, anchor: 'middle', room: step - 4 });
    // Towards the left edge there is less room.
    const room = Math.min(LONGEST_NAME, (x - 4) / Math.cos(SLANT));
    return text(name, x + 3, top + SMALL, { ...style, anchor: 'end', rotate: -35, room });
  });
}
