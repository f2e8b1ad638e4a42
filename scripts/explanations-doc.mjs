/**
 * Writes the table of all explanations into docs/explanations.md, between its two marks. `test/explanations-doc.test.ts` fails where the file is
 * behind.
 *
 *     npm run build && node scripts/explanations-doc.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

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
  const rows = Object.entries(table).map(([name, { title, formula, needs, signed, source }]) =>
    [`\`${name}\``, title, `\`${formula}\``, NEEDS[needs], signed ? 'can be' : 'never', source].map((text) =>
      text.replaceAll('|', '\\|'),
    ),
  );
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** `text` with another table between its marks. */
export function withTable(text, table) {
  const [from, to] = MARKS.map((mark) => text.indexOf(mark));
  if (from < 0 || to < from)
    throw new Error(`docs/explanations.md: expected the marks ${MARKS.join(' and ')}, got none; put them in`);
  return `${text.slice(0, from)}${MARKS[0]}\n${table}\n${text.slice(to)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { explanationTable } = await import('../dist/index.js');
  writeFileSync(FILE, withTable(readFileSync(FILE, 'utf8'), explanationsTable(explanationTable)));
}
