/** Holds the direction of imports: a room knows the ones below it, and no circle runs through them. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/** From the ground up; every file imports from its own room and from those before it. */
const rooms = [
  'base',
  'shaders',
  'engine',
  'node',
  'data',
  'weights',
  'nets',
  'attack',
  'train',
  'report',
  'run',
  'experiments',
  'bench',
  'cluster',
  'cli',
  'web',
];
/** Rooms that a browser bundle may hold: nothing in them, and nothing they import, may need Node. */
const withoutNode = ['base', 'shaders', 'engine', 'nets', 'attack', 'train'];
/** The components of pages: of the other rooms only what needs no Node, not at run time. */
const components = 'report/ui/';

/** What the page of benchmarks takes from the tests: their own cases are what it runs on a visitor's GPU. */
const testsOfPage = ['test/reference/', 'test/support/op-check.ts'];

const sources = rooms.flatMap((room) =>
  readdirSync(room, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.startsWith('peers') && !file.includes('node_modules'))
    .map((file) => join(room, file)),
);

function importsOf(file: string, { types = true } = {}): string[] {
  const whole = readFileSync(file, 'utf8');
  const text = types ? whole : whole.replaceAll(/import type [^;]+;|export type [^;]*? from [^;]+;/g, '');
  return [...text.matchAll(/(?:from|import|import\()\s*'([^']+)'/g)].map(([, specifier]) => specifier!);
}

function sourceOf(target: string): string {
  const typed = target.replace(/\.js$/, '.ts');
  return sources.includes(`${typed}x`) ? `${typed}x` : typed;
}

function roomOf(file: string): string {
  return file.split('/')[0]!;
}

describe('rooms', () => {
  test('every file is seen', () => {
    expect(sources.length).toBeGreaterThan(150);
    expect(new Set(sources.map(roomOf))).toEqual(new Set(rooms));
  });

  test('no module hands on a shader as it is: its published declaration would lead to a file that is not there', () => {
    const exported = sources.filter((file) =>
      /export [^;]*from '[^']+\.wgsl'/.test(readFileSync(file, 'utf8')),
    );
    expect(exported).toEqual([]);
  });

  test('no import goes upwards', () => {
    const upwards = sources.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => normalize(join(dirname(file), specifier)))
        .filter(
          (target) =>
            rooms.indexOf(roomOf(target)) > rooms.indexOf(roomOf(file)) || !rooms.includes(roomOf(target)),
        )
        .filter(
          (target) =>
            !(
              file.startsWith('web/bench/') &&
              testsOfPage.some((some) => target.replace(/\.js$/, '.ts').startsWith(some))
            ),
        )
        .map((target) => `${file} -> ${target}`),
    );
    expect(upwards).toEqual([]);
  });

  test('no circle of files, types included', () => {
    const imports = new Map(
      sources.map((file) => [
        file,
        importsOf(file)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => sourceOf(normalize(join(dirname(file), specifier)))),
      ]),
    );
    // What imports nothing that is left is in no circle.
    for (let left = Number.POSITIVE_INFINITY; imports.size < left; ) {
      left = imports.size;
      for (const [file, targets] of imports)
        if (!targets.some((target) => imports.has(target))) imports.delete(file);
    }
    expect([...imports.keys()]).toEqual([]);
  });

  test('relative imports name the file, as Node wants them', () => {
    const bare = sources.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith('.') && !/\.(js|json|wgsl|css)$/.test(specifier))
        .map((specifier) => `${file}: ${specifier}`),
    );
    expect(bare).toEqual([]);
  });

  test('what a browser takes needs no Node', () => {
    const needs = sources
      .filter((file) => withoutNode.includes(roomOf(file)))
      .flatMap((file) =>
        importsOf(file)
          .filter(
            (specifier) =>
              specifier.startsWith('node:') || roomOf(normalize(join(dirname(file), specifier))) === 'node',
          )
          .map((specifier) => `${file}: ${specifier}`),
      );
    expect(needs).toEqual([]);
  });

  test('components of pages need no Node', () => {
    const reached = new Set(sources.filter((file) => file.startsWith(components)));
    expect(reached.size).toBeGreaterThan(20);
    for (const file of reached)
      for (const specifier of importsOf(file, { types: false }))
        if (specifier.startsWith('.') && !specifier.endsWith('.css'))
          reached.add(sourceOf(normalize(join(dirname(file), specifier))));
    const needs = [...reached].flatMap((file) =>
      importsOf(file, { types: false })
        .filter((specifier) => specifier.startsWith('node:') || roomOf(file) === 'node')
        .map((specifier) => `${file}: ${specifier}`),
    );
    expect(needs).toEqual([]);
  });
});
