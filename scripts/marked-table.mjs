/** A table of a page of docs/ that a program makes, between two marks. */

/**
 * @param file what the page is called in messages
 * @returns `text` with another table between its marks
 */
export function withMarkedTable(text, [begin, end], table, file) {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(`${file}: expected the marks ${begin} and ${end}, got none; put them in`);
  return `${text.slice(0, from)}${begin}\n${table}\n${text.slice(to)}`;
}

/** @param rows arrays of cells; a cell's bars and line ends are taken care of */
export function markdownTable(head, rows) {
  const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const lines = [head, head.map(() => '---'), ...rows.map((row) => row.map(cell))];
  return lines.map((row) => `| ${row.join(' | ')} |`).join('\n');
}
