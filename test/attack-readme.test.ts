/** attack/README.md says what is there. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Frame } from '../attack/frame.js';

const text = readFileSync('attack/README.md', 'utf8');

test('the method that it quotes is the file', () => {
  const [, quoted] = /```ts\n([\s\S]*?)```/.exec(text)!;
  expect(quoted).toBe(readFileSync('attack/methods/fgsm.ts', 'utf8'));
});

test('the procedures of the frame that it names are there', () => {
  const table = text.slice(text.indexOf("## The frame's pieces"));
  const named = [...table.matchAll(/^\| (.+?) \| /gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`(\w+)\(/g)].map(([, name]) => name!),
  );
  expect(named.length).toBeGreaterThanOrEqual(10);
  for (const name of named) expect(Frame.prototype).toHaveProperty(name);
});
