/** The built program as a user runs it: a process each, files on disk, exit codes, a real device, a real Ctrl-C. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { measure } from '../attack/measures.js';
import { toTensor } from '../data/image.js';
import { readImage } from '../data/image-files.js';
import type { ImageResult } from '../report/run-files.js';
import { parseSafetensors } from '../weights/safetensors.js';
import { temporaryFolder } from './cli-fakes.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The cheapest net that ships. */
const net = ['--model', 'vgg11_bn-cifar10'];
const weights = join(root, 'weights/files/vgg11_bn-cifar10.safetensors');
const sample = ['--dataset', 'cifar10-sample'];

/** A device in several processes after one another, each compiling its pipelines: minutes on a busy machine. */
const patience = 600_000;

const children = new Set<ChildProcess>();

interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(argv: readonly string[]): { child: ChildProcess; finished: Promise<Finished> } {
  const child = spawn(process.execPath, [join(root, 'dist/cli.js'), ...argv], { cwd: root });
  children.add(child);
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (said.out += chunk));
  child.stderr.on('data', (chunk) => (said.err += chunk));
  const finished = new Promise<Finished>((resolve) =>
    // As a shell counts: 128 and the number of the signal that ended the process.
    child.on('close', (code, signal) => resolve({ code: signal === 'SIGINT' ? 130 : code, ...said })),
  );
  return { child, finished };
}

const cfr = (...argv: string[]) => start(argv).finished;

// A test that fails or runs out of time leaves nobody behind.
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { cwd: root });
});

test('the bin starts the program', () => {
  const out = execFileSync(process.execPath, [join(root, 'bin/cfr.mjs'), 'attack', '--help'], {
    encoding: 'utf8',
  });
  expect(out).toMatch(/Usage: cfr attack/);
});

describe('bad input ends with exit code 2 and one line that says what to do', () => {
  const folder = temporaryFolder();
  const file = (name: string, bytes: Uint8Array | string) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const good = readFileSync(weights);
  const headerEnd = 8 + Number(good.readBigUInt64LE());
  /** The shipped file with its header's text changed; the length must stay. */
  const withHeader = (change: (text: string) => string) => {
    const text = good.toString('utf8', 8, headerEnd);
    const bytes = Buffer.from(good);
    bytes.write(change(text).padEnd(text.length).slice(0, text.length), 8);
    return bytes;
  };
  const withNaN = () => {
    const bytes = Buffer.from(good);
    // The first f16 value of the data; 0x7e00 is NaN.
    bytes.writeUInt16LE(0x7e00, headerEnd);
    return bytes;
  };
  mkdirSync(join(folder, 'empty'));
  const png = file('grey.png', readFileSync(join(root, 'data/sample/cifar10-256.png')));

  const cases: readonly (readonly [what: string, argv: readonly string[], message: RegExp])[] = [
    ['an unknown command', ['atack'], /unknown command 'atack' \(Did you mean attack\?\)/],
    [
      'an unknown option',
      ['attack', png, '--masknorm', 'max'],
      /unknown option '--masknorm' \(Did you mean --mask-norm\?\)/,
    ],
    ['a bad option value', ['attack', png, '--tau', '2'], /--tau: expected a number from 0 to 1, got 2/],
    [
      'an unknown model',
      ['classify', png, '--model', 'resnet19'],
      /model: expected one of .*resnet18-cifar10.*, got "resnet19"/,
    ],
    [
      'a missing weights file',
      ['classify', png, '-w', '/no/such.pth'],
      /\/no\/such\.pth: expected a weights file .* no such file/,
    ],
    ['a text file as weights', ['classify', png, '-w', file('text.pth', 'hello')], /text\.pth: expected/],
    [
      'truncated weights',
      ['classify', png, '-w', file('cut.safetensors', good.subarray(0, 100_000))],
      /cut\.safetensors: .*(truncated|got|needs|bytes)/,
    ],
    [
      'NaN in the weights',
      ['classify', png, '-w', file('nan.safetensors', withNaN())],
      /nan\.safetensors: .*NaN|not finite/,
    ],
    [
      'weights of a wrong shape',
      [
        'classify',
        png,
        '-w',
        file(
          'shape.safetensors',
          withHeader((text) => text.replace('[256,256,3,3]', '[128,512,3,3]')),
        ),
      ],
      /shape\.safetensors/,
    ],
    [
      'a missing image',
      ['classify', join(folder, 'no.png')],
      /no\.png: expected an image file, got no such file/,
    ],
    [
      'no image',
      ['classify', file('note.png', 'not an image')],
      /note\.png: expected a PNG, JPEG, WebP, PPM or PGM image, got something else/,
    ],
    [
      'a folder without images',
      ['explain', join(folder, 'empty'), '--out', join(folder, 'out')],
      /empty: expected a folder with images \(.*\), got none/,
    ],
    [
      'an image of another size, untouched',
      ['classify', png, '--preprocess', 'none'],
      /grey\.png: preprocess: expected an image of 32x32, got 512x512/,
    ],
    ['an empty data set', ['eval', '--dataset', `imagenet:${join(folder, 'empty')}`], /empty: expected/],
    ['an unknown data set', ['eval', '--dataset', 'mnist'], /dataset: expected cifar10.*got "mnist"/],
    [
      'a label out of range',
      ['attack', png, '--label', '10'],
      /--label: expected a class of the net, 0 to 9/,
    ],
    [
      'an --out that is a file',
      ['attack', png, '--out', png],
      /--out .*: expected a folder that can be written/,
    ],
  ];
  test.each(cases)('%s', async (_, argv, message) => {
    const { code, out, err } = await cfr(...argv);
    expect(err.split('\n').filter((line) => line.startsWith('cfr: '))).toHaveLength(1);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(out).toBe('');
    expect(code).toBe(2);
  });
});

test('tells the time of its start', { timeout: patience }, async () => {
  const { code, out } = await cfr('bench', '--start-once', 'vgg11_bn-cifar10', '--batch', '1');
  expect(code).toBe(0);
  const { ready, done } = JSON.parse(out) as { ready: number; done: number };
  expect(ready).toBeGreaterThan(0);
  expect(done).toBeGreaterThan(ready);
});

test('eval and classify agree, and print one document', { timeout: patience }, async () => {
  const folder = temporaryFolder();
  const predictions = join(folder, 'predictions.jsonl');
  const evaluated = await cfr(
    'eval',
    ...net,
    ...sample,
    '--limit',
    '16',
    '--json',
    '--predictions',
    predictions,
  );
  expect(evaluated.code).toBe(0);
  const summary = JSON.parse(evaluated.out) as { accuracy: number; correct: number };
  expect(Object.keys(summary)).toEqual([
    'accuracy',
    'images',
    'correct',
    'model',
    'assignment',
    'adapter',
    'seconds',
    'net',
    'warnings',
  ]);
  expect(summary).toMatchObject({ images: 16, model: 'vgg11_bn-cifar10' });
  expect(summary.accuracy).toBe(summary.correct / 16);
  expect(summary.correct).toBeGreaterThanOrEqual(9);
  type Line = { index: number; class: number; label: number; confidence: number; logits: number[] };
  const lines = readFileSync(predictions, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  expect(lines.filter((line) => line.class === line.label)).toHaveLength(summary.correct);
  for (const { logits, class: winner } of lines) expect(Math.max(...logits)).toBe(logits[winner]);

  // The same images again, as files that `explain` writes, with a bad one among them.
  const out = join(folder, 'maps');
  const explained = await cfr('explain', ...net, ...sample, '--limit', '2', '--out', out, '--json');
  expect(explained.code).toBe(0);
  const maps = JSON.parse(explained.out) as {
    label: number;
    class: number;
    cfr: string;
    cfrPixels: number;
    files: Record<string, string>;
  }[];
  expect(maps.map((map) => map.class)).toEqual(lines.slice(0, 2).map((line) => line.class));
  const { tensors } = parseSafetensors(readFileSync(join(out, 'tensors.safetensors')), 'tensors');
  const mask = tensors.get('mask')!.toFloat32();
  expect(tensors.get('cam')!.shape).toEqual([2, 1, 32, 32]);
  for (const [i, map] of maps.entries()) {
    const covered = mask.subarray(i * 1024, (i + 1) * 1024).filter((value) => value > 0).length;
    if (map.cfr === 'ok') expect(covered).toBe(map.cfrPixels);
    for (const file of Object.values(map.files))
      expect(existsSync(join(root, file)) || existsSync(file)).toBe(true);
  }

  const classified = await cfr(
    'classify',
    ...net,
    maps[0]!.files.clean!,
    'no.png',
    maps[1]!.files.clean!,
    '--json',
    '--logits',
    '--top',
    '3',
  );
  expect(classified.code).toBe(1);
  expect(classified.err).toMatch(/cfr: no\.png: expected an image file, got no such file/);
  const document = JSON.parse(classified.out) as {
    source: string;
    top: { class: number; label: string; confidence: number }[];
    logits: number[];
  }[];
  expect(document.map(({ source }) => source)).toEqual(maps.map((map) => map.files.clean));
  for (const [i, { top, logits }] of document.entries()) {
    expect(top).toHaveLength(3);
    expect(top[0]).toMatchObject({ class: lines[i]!.class, label: expect.any(String) });
    expect(top[0]!.confidence).toBeCloseTo(lines[i]!.confidence, 4);
    for (const [k, logit] of logits.entries()) expect(logit).toBeCloseTo(lines[i]!.logits[k]!, 3);
  }
});

test('an interrupted attack goes on with the same command, and reports what it saved', {
  timeout: patience,
}, async () => {
  const out = join(temporaryFolder(), 'run');
  const command = (limit: number) => [
    'attack',
    ...net,
    ...sample,
    '--iterations',
    '10',
    '--batch',
    '1',
    '--limit',
    String(limit),
    '--out',
    out,
    '--save-tensors',
  ];
  const results = join(out, 'results.jsonl');
  const { child, finished } = start(command(64));
  while (child.exitCode === null && !(existsSync(results) && readFileSync(results, 'utf8').includes('\n'))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const rival = await cfr(...command(64));
  expect(rival.err).toContain(
    `got one that process ${child.pid} works in; wait for it, choose another --out`,
  );
  expect([rival.code, rival.out]).toEqual([2, '']);
  child.kill('SIGINT');
  const first = await finished;
  expect(first.err).toMatch(
    /cfr: interrupted: \d+ of 64 images are finished in .*run; the same command goes on from there\n/,
  );
  expect(first.code).toBe(130);
  expect(existsSync(join(out, '.lock'))).toBe(false);
  const before = readFileSync(results, 'utf8');
  const done = before.trim().split('\n').length;

  const second = await cfr(...command(done + 2), '--json');
  expect(second.code).toBe(0);
  expect(second.err).toMatch(new RegExp(`${done} images are finished, 2 remain`));
  expect(readFileSync(results, 'utf8').startsWith(before)).toBe(true);
  const document = JSON.parse(second.out) as {
    images: number;
    asr: number;
    settings: object;
    results: ImageResult[];
  };
  expect(document).toMatchObject({
    method: 'cfr',
    model: 'vgg11_bn-cifar10',
    images: done + 2,
    settings: { mode: 'minimal', iterations: 10 },
  });
  expect(document.results.map(({ index }) => index)).toEqual(Array.from({ length: done + 2 }, (_, i) => i));
  expect(document.asr).toBeGreaterThanOrEqual(0.5);

  const { tensors } = parseSafetensors(readFileSync(join(out, 'tensors.safetensors')), 'tensors');
  expect(tensors.get('x_adv')!.shape).toEqual([done + 2, 3, 32, 32]);
  const files = [];
  for (const result of document.results) {
    const name = `${String(result.index).padStart(5, '0')}.png`;
    const clean = toTensor(await readImage(join(out, 'clean', name)));
    const adversarial = toTensor(await readImage(join(out, 'adversarial', name)));
    const { l0, l1, l2, linf, ssim } = result;
    expect(measure(clean, adversarial, { channels: 3, height: 32, width: 32 })).toEqual({
      l0,
      l1,
      l2,
      linf,
      ssim,
    });
    expect([
      ...tensors
        .get('x_adv')!
        .toFloat32()
        .subarray(result.index * 3072, (result.index + 1) * 3072),
    ]).toEqual([...adversarial]);
    files.push(join(out, 'adversarial', name));
  }
  for (const name of ['summary.json', 'report.html', 'contact-sheet.png', 'run.json'])
    expect(existsSync(join(out, name))).toBe(true);

  // What counts as a success fools the net after a round trip through the PNG.
  const classified = await cfr('classify', ...net, ...files, '--json', '--top', '1');
  const seen = JSON.parse(classified.out) as { top: { class: number }[] }[];
  expect(seen.map(({ top }) => top[0]!.class)).toEqual(
    document.results.map(({ adversarial }) => adversarial.class),
  );
  for (const { success, adversarial, label } of document.results)
    if (success) expect(adversarial.class).not.toBe(label);

  const other = await cfr(...command(1), '--tau', '0.3');
  expect(other.code).toBe(2);
  expect(other.err).toMatch(/holds a run with other settings: tau 0.2 there, 0.3 here/);
});

test(
  'compare: an experiment on a real device, its budget kept, every output there; again it runs nothing',
  async () => {
    const out = join(temporaryFolder(), 'out');
    const argv = ['compare', ...net, ...sample, '--limit', '4', '--methods', 'cfr,pgd:norm=l2', '--out', out];
    const ran = await cfr(...argv, '--budget-propagations', '13', '--json');
    expect(ran.code, ran.err).toBe(0);
    const { cells, worstCase } = JSON.parse(ran.out);
    for (const { n, propagations, images, settings } of cells) {
      expect(n).toBeGreaterThan(0);
      expect(propagations.mean).toBe(propagations.budget.most);
      expect(propagations.budget).toMatchObject({ given: 13, fits: true });
      expect(settings.iterations).toBe(6);
      expect(images).toBe(cells[0].images);
    }
    expect(worstCase[0].succeeded).toBeGreaterThanOrEqual(Math.max(cells[0].succeeded, cells[1].succeeded));
    const names = ['results.json', 'table.csv', 'table.md', 'table.tex', 'figure.svg', 'figure.png'];
    expect(statSync(join(out, 'report.html')).size).toBeGreaterThan(0);
    // The report says when it was made.
    const bytes = () => names.map((name) => readFileSync(join(out, name)).toString('base64'));
    const before = bytes();
    const again = await cfr(...argv, '--budget-propagations', '13', '--json');
    expect(again.err).not.toMatch(/attack: /);
    expect(bytes()).toEqual(before);
  },
  patience,
);
