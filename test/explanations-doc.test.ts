import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { explanationTable } from '../attack/explanations.js';
import { explanationsTable, withTable } from '../scripts/explanations-doc.mjs';

it('docs/explanations.md has the table of the explanations as they are; else run node scripts/explanations-doc.mjs', () => {
  const text = readFileSync(new URL('../docs/explanations.md', import.meta.url), 'utf8');
  expect(text).toBe(withTable(text, explanationsTable(explanationTable)));
});
