/** Text in lines of a terminal. */

/** Lines where nobody says how many cells there are, and where there are more than one reads easily. */
const CELLS = 80;
const MOST_CELLS = 100;

/** Cells of a line for a terminal of `width`. */
export function lineCells(width: number | undefined): number {
  return Math.min(MOST_CELLS, Math.max(40, width ?? CELLS));
}

/** `text` in lines of at most `cells`, broken between words, behind `label`. */
export function wrapped(text: string, cells: number, label = ''): string {
  const lines: string[] = [];
  let line = label;
  for (const word of text.split(' ')) {
    const begun = line.length > label.length;
    if (begun && line.length + 1 + word.length > cells) {
      lines.push(line);
      line = ' '.repeat(label.length) + word;
    } else line += begun ? ` ${word}` : word;
  }
  return [...lines, line].join('\n');
}
