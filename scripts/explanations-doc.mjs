/**
 * Writes the table of all explanations into docs/explanations.md, between its two marks. `test/explanations-doc.test.ts` fails where the file is
 * behind.
 *
 *     npm run build && node scripts/explanations-doc.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { markdownTable, withMarkedTable } from './marked-table.mjs';

const FILE = fileURLToPath(new URL('../docs/explanations.md', import.meta.url));
const MARKS = ['<!-- explanations: begin -->', '<!-- explanations: end -->'];

const NEEDS = {
  gradient: 'a block and its gradient',
  weights: 'the last block, global pooling and one linear layer behind it (ResNets)',
  pixels: 'the gradient at the image',
};

/** @param table `explanationTable` of the package; @returns Markdown */
export function explanationsTable(table) {
  const head = ['name', 'explanation', 'raw map', 'needs', 'below 0', 'source'];
  const rows = Object.entries(table).map(([name, { title, formula, needs, signed, source }]) => [
    `\`${name}\``,
    title,
    `\`${formula}\``,
    NEEDS[needs],
    signed ? 'can be' : 'never',
    source,
  ]);
  return markdownTable(head, rows);
}

/** `text` with another table between its marks. */
export const withTable = (text, table) => withMarkedTable(text, MARKS, table, 'docs/explanations.md');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { explanationTable } = await import('../dist/lib/index.js');
  writeFileSync(FILE, withTable(readFileSync(FILE, 'utf8'), explanationsTable(explanationTable)));
}
