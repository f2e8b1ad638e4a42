import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { METHODS } from '../attack/methods/index.js';
import { methodDocument } from '../cli/commands/methods.js';
import { methodsTable, withTable } from '../scripts/methods-doc.mjs';

const documents = METHODS.map(methodDocument);

it('docs/methods.md has the table of the methods as they are; else run node scripts/methods-doc.mjs', () => {
  const text = readFileSync(new URL('../docs/methods.md', import.meta.url), 'utf8');
  expect(text).toBe(withTable(text, methodsTable(documents)));
});

it('a method without a note, and a note without a method, are told', () => {
  expect(() => methodsTable([...documents, { ...documents[0]!, name: 'other' }])).toThrow(
    'note on method other',
  );
  expect(() => methodsTable(documents.slice(1))).toThrow(`got ${documents[0]!.name}`);
});
