/** docs/results.md is what the kept results say, and its verdicts follow from them. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Claim {
  readonly says: string;
  verdict(results: unknown): { readonly holds: string; readonly measured: string };
}
interface Study {
  readonly name: string;
  readonly claims: readonly Claim[];
}

const load = (file: string) => import(new URL(`../scripts/${file}`, import.meta.url).href);

test('the page is what docs/results/ says', async () => {
  const { readResults, resultsPage } = (await load('results-page.mjs')) as {
    readResults(): unknown[];
    resultsPage(kept: unknown[]): string;
  };
  const page = readFileSync(new URL('../docs/results.md', import.meta.url), 'utf8');
  expect(page).toBe(resultsPage(readResults()));
});

async function verdictOf(study: string, claim: number, results: unknown): Promise<string> {
  const { STUDIES } = (await load('results-studies.mjs')) as { STUDIES: readonly Study[] };
  return STUDIES.find(({ name }) => name === study)!.claims[claim]!.verdict(results).holds;
}

const regions = (cfr: number, rest: number, random = 0.9) => ({
  nets: [
    {
      net: 'net',
      accuracy: {
        clean: { rate: 0.9 },
        cfr: { rate: cfr },
        'non-cfr': { rate: rest },
        random: { rate: random },
      },
    },
  ],
});

test('regions: 60 points and more, 3 and less, and less than random pixels', async () => {
  expect(await verdictOf('regions', 0, regions(0.3, 0.9))).toBe('holds');
  expect(await verdictOf('regions', 0, regions(0.31, 0.9))).toBe('does not hold');
  expect(await verdictOf('regions', 1, regions(0.3, 0.88))).toBe('holds');
  expect(await verdictOf('regions', 1, regions(0.3, 0.86))).toBe('does not hold');
  expect(await verdictOf('regions', 2, regions(0.3, 0.9, 0.3))).toBe('does not hold');
});

test('sweeps: a rate that falls, or an l0 that rises, is seen', async () => {
  const cell = (iterations: number, temperature: number, asr: number) => ({
    asr,
    settings: { iterations, temperature },
  });
  const grid = (last: number) => ({
    cells: [cell(10, 0.1, 0.5), cell(10, 2, 0.1), cell(30, 0.1, last), cell(30, 2, 0.2)],
  });
  expect(await verdictOf('iterations', 0, grid(1))).toBe('holds');
  expect(await verdictOf('iterations', 0, grid(0.9))).toBe('holds partly');
  expect(await verdictOf('iterations', 0, grid(0.1))).toBe('does not hold');
  const taus = (...l0: number[]) => ({ cells: l0.map((value) => ({ asr: 1, mean: { l0: value } })) });
  expect(await verdictOf('tau', 0, taus(3, 2, 1))).toBe('holds');
  expect(await verdictOf('tau', 0, taus(3, 4, 1))).toBe('holds partly');
  expect(await verdictOf('tau', 0, taus(3, 4, 5))).toBe('does not hold');
});

test('transfer: the diagonal does not count', async () => {
  const pair = (substitute: string, target: string, method: string, accuracy: number) => ({
    substitute,
    target,
    method,
    accuracy,
    accuracyAtL2: accuracy,
  });
  const pairs = (across: number) => ({
    pairs: [
      pair('a', 'a', 'cfr', 0),
      pair('a', 'a', 'pgd', 1),
      pair('a', 'b', 'cfr', across),
      pair('a', 'b', 'pgd', 0.5),
    ],
  });
  expect(await verdictOf('transfer', 0, pairs(0.4))).toBe('holds');
  expect(await verdictOf('transfer', 0, pairs(0.5))).toBe('does not hold');
});
