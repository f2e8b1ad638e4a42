/** The page of the command line is what the program says of itself. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createProgram } from '../cli/program.js';
import type { Services } from '../run/services.js';
import { commandLineDoc } from '../scripts/command-line-doc.mjs';

test('docs/command-line.md is as the commands are; else run node scripts/command-line-doc.mjs', () => {
  const doc = commandLineDoc(createProgram({} as Services, ''));
  expect(doc).toContain('## cfr attack');
  expect(doc.length).toBeGreaterThan(10_000);
  expect(readFileSync(new URL('../docs/command-line.md', import.meta.url), 'utf8')).toBe(doc);
});
