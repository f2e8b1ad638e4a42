/** Pictures are named after the files that they come from, whatever else the run goes through. */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pictureFolders } from '../report/run-files.js';
import { pictureNames } from '../run/picture-names.js';
import { cfr, image, interrupt, temporaryFolder } from './cli-fakes.js';
import { contentsOf } from './support/contents.js';

describe('names', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['own names', ['chelsea.png', 'a/b/cat.v2.jpeg', '-'], ['chelsea', 'cat.v2', 'stdin']],
    ['one name in several folders', ['cats/1.png', 'dogs/1.png', 'dogs/2.png'], ['cats-1', 'dogs-1', '2']],
    ['several endings', ['a/x.png', 'a/x.jpg', 'y.png'], ['a-x-00000', 'a-x-00001', 'y']],
    ['capitals', ['Cat.png', 'cat.jpg'], ['Cat-00000', 'cat-00001']],
    [
      'a name like that of another with its number',
      ['x.png', 'x.jpg', 'x-00000.png'],
      ['x-00000', 'x-00001', 'x-00000-00002'],
    ],
    [
      'a name like that of another with its folder',
      ['a/x.png', 'b/x.png', 'a-x.png'],
      ['a-x-00000', 'b-x', 'a-x-00002'],
    ],
    ['what disks refuse', ['a?b:c*.png', '..hidden. .png', 'con.png'], ['a-b-c-', 'hidden', 'con-00002']],
    ['what terminals refuse', ['a\u001b[2J\u202eb.png'], ['a-[2J-b']],
    ['letters of any script', ['cafe\u0301.png', '写真 1.png'], ['caf\u00e9', '写真 1']],
    ['nothing but an ending', ['.png', 'a/.png'], ['image', 'a-image']],
  ])('%s', (_what, files, names) => expect(pictureNames(files)).toEqual(names));

  test('long names are cut, and stay apart', () => {
    const files = ['写'.repeat(80), '写'.repeat(81)].map((name) => `${name}.png`);
    const names = pictureNames(files);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThan(180);
  });
});

const files = {
  'chelsea.png': image(1),
  'dogs/1.png': image(2),
  'cats/1.png': image(3),
  'a #1%.png': image(0),
  '写真.png': image(5),
};
const names = ['chelsea', 'dogs-1', 'cats-1', 'a #1%', '写真'];
const command = (out: string, ...more: string[]) => [
  ...['attack', ...Object.keys(files), '--out', out, '--batch', '2', '--iterations', '1', ...more],
];

describe('a run over files', () => {
  const named = (out: string) =>
    pictureFolders.map((kind) => readdirSync(join(out, kind)).map((name) => name.replace(/\.png$/, '')));
  const all = Array(pictureFolders.length).fill([...names].sort());

  test('its pictures have their names, and the report links them', async () => {
    const out = temporaryFolder();
    expect((await cfr(command(out), { files })).code).toBe(0);
    expect(named(out).map((kind) => kind.sort())).toEqual(all);
    const lines = readFileSync(join(out, 'results.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { name: string }).name)).toEqual(names);
    const report = readFileSync(join(out, 'report.html'), 'utf8');
    for (const name of names) expect(report).toContain(`adversarial/${encodeURIComponent(name)}.png`);
  });

  test('stopped, damaged or in shards, it comes to the same bytes', async () => {
    const whole = temporaryFolder();
    await cfr(command(whole), { files });
    const stopped = temporaryFolder();
    const first = await cfr(command(stopped), { files, onBatch: (batch) => batch === 1 && interrupt() });
    expect(first.code).toBe(130);
    rmSync(join(stopped, 'mask', 'chelsea.png'));
    // What a killed process was writing.
    writeFileSync(join(stopped, 'clean', '写真.png.123.tmp'), '');
    const again = await cfr(command(stopped), { files });
    expect(again.err).toContain(
      'pictures of finished images are missing or damaged; 1 images are done again',
    );
    const sorted = (out: string) => {
      const contents = contentsOf(out);
      contents.set('results.jsonl', contents.get('results.jsonl')!.split('\n').sort().join('\n'));
      // It says how often the run was stopped.
      for (const name of ['run.json', 'report.html']) contents.delete(name);
      return contents;
    };
    expect(sorted(stopped)).toEqual(sorted(whole));

    const parts = temporaryFolder();
    for (const shard of ['1/2', '0/2'])
      expect((await cfr(command(parts, '--shard', shard), { files })).code).toBe(0);
    expect((await cfr(['merge', parts])).code).toBe(0);
    expect(contentsOf(parts)).toEqual(contentsOf(whole));
  });

  test('a run from before pictures had names goes on, and its report finds its pictures', async () => {
    const out = temporaryFolder();
    await cfr(command(out), { files });
    // As it was then.
    const lines = readFileSync(join(out, 'results.jsonl'), 'utf8').replaceAll(/"name":"[^"]*",/g, '');
    writeFileSync(join(out, 'results.jsonl'), lines);
    for (const kind of pictureFolders)
      for (const [i, name] of names.entries())
        renameSync(join(out, kind, `${name}.png`), join(out, kind, `0000${i}.png`));
    const { code, err } = await cfr(command(out), { files });
    expect([code, err]).toEqual([0, expect.stringContaining('5 images are finished, 0 remain')]);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('adversarial/00004.png');
  });

  test('a name that leads out of the folder is no result', async () => {
    const out = temporaryFolder();
    await cfr(command(out), { files });
    const path = join(out, 'results.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"name":"chelsea"', '"name":"../chelsea"'));
    const { code, err } = await cfr(['report', out]);
    expect([code, err]).toEqual([2, expect.stringMatching(/line 1, name: expected .* got "\.\.\/chelsea"/)]);
  });

  test('so have the pictures of explanations', async () => {
    const out = temporaryFolder();
    const { code, out: said } = await cfr(['explain', 'chelsea.png', '--out', out, '--json'], { files });
    expect(code).toBe(0);
    expect(JSON.parse(said)).toMatchObject([{ files: { overlay: join(out, 'overlay', 'chelsea.png') } }]);
  });
});
