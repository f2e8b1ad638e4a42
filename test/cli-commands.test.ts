/** The commands' own logic - options, resuming, exit codes, documents - on made-up nets and devices (cli-fakes.ts). */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { METHODS, methodNamed } from '../attack/methods/index.js';
import { adviceFor } from '../cli/commands/doctor.js';
import { flagName } from '../cli/settings.js';
import { readImage } from '../data/image-files.js';
import { type PageImage, type RunPage, rowsOf } from '../report/page-data.js';
import { type ImageResult, pictureName } from '../report/run-files.js';
import { parseSafetensors } from '../weights/safetensors.js';
import {
  cfr,
  type FakeOptions,
  image,
  interrupt,
  loseDevice,
  model,
  type Outcome,
  temporaryFolder,
} from './cli-fakes.js';

const dataset = ['--dataset', 'cifar10-sample'];
const lines = (folder: string) =>
  readFileSync(join(folder, 'results.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ImageResult);

describe('mistakes on the command line end with exit code 2 and one line', () => {
  const cases: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
    [['atack'], /unknown command 'atack' \(Did you mean attack\?\)/],
    [['attack', '--iteratons', '3'], /unknown option '--iteratons' \(Did you mean --iterations\?\)/],
    [
      ['attack', 'a.png', '--iterations', 'many'],
      /--iterations: expected an integer from 1 to 10000, got "many"/,
    ],
    [['attack', 'a.png', '--iterations', '0'], /--iterations: expected an integer from 1/],
    [['attack', 'a.png', '--iterations'], /option '-n, --iterations <count>' argument missing/],
    [['attack', 'a.png', '--tau', '1.5'], /--tau: expected a number from 0 to 1, got 1.5/],
    [['attack', 'a.png', '--tau', ''], /--tau: expected .* got ""/],
    [
      ['attack', 'a.png', '--mode', 'minimum'],
      /--mode: expected one of minimal, paper, budget, got "minimum"; did you mean "minimal"\?/,
    ],
    [
      ['attack', 'a.png', '--method', 'cfrr'],
      /method: expected one of .*cfr.*, got "cfrr"; did you mean "cfr"\?/,
    ],
    [
      ['attack', 'a.png', '--eta', '3'],
      /--eta: expected no value with mode minimal, got 3; it belongs to mode paper/,
    ],
    [
      ['attack', 'a.png', '--mode', 'paper', '--delta-init', 'ones'],
      /--delta-init: expected normal, uniform, signs, zeros, one of them times a number from 0 to 1000000 \(uniform:0.1\), or a deviation, got "ones"/,
    ],
    [
      ['attack', 'a.png', '--target', 'frogg'],
      /--target: expected a class of the net, 0 to 3 or one of its class names, got "frogg"; did you mean "frog"\?/,
    ],
    [['attack', 'a.png', '--label', '4'], /--label: expected a class of the net, 0 to 3/],
    [
      ['attack', 'a.png', '--label', 'cat', '--target', '0'],
      /--target: expected another class than --label, got cat for both/,
    ],
    [
      ['attack', 'a.png', '--mode', 'budget', '--budget', '1', '--epsilon', '1'],
      /--budget: expected it or epsilon, got both; they are the same setting/,
    ],
    [
      ['attack', 'a.png', '--mode', 'budget', '--norm', 'linf', '--budget', '8'],
      /--epsilon: expected at most 1 with norm linf, as pixels are in \[0,1\], got 8; 8\/255\?/,
    ],
    [
      ['attack', '--method', 'apgd', '--minimal', 'a.png'],
      /--minimal: expected true, false or no value, got "a.png"; images go before it/,
    ],
    [
      ['attack', 'a.png', '--region', 'all', '--region', 'cfr'],
      /--region: expected one value, got "all" and "cfr"; leave one out/,
    ],
    [
      ['attack', 'a.png', '--region', 'box:1, 2, 3, 4'],
      /--region: expected all, cfr, .*, box:X,Y,W,H or file:MASK.png, got "box:1, 2, 3, 4"/,
    ],
    [['attack', '--region', 'box:1', '2', '3', '4'], /--region: expected all, .*, got "box:1"/],
    [
      ['eval', ...dataset, '--input-size', '32x'],
      /--input-size: expected H or HxW from 8 to 4096, got "32x"/,
    ],
    [['classify', 'a.png', '--shortcut', 'B'], /--shortcut: expected A, A-end, raw or activated, got "B"/],
    [
      ['classify', 'a.png', '--stem-stride', '0'],
      /--stem-stride: expected a whole number from 1 to 4, got "0"/,
    ],
    [['attack', 'a.png', '--mean', '0.5,0.5'], /--mean: expected three numbers r,g,b, got "0.5,0.5"/],
    [['attack', 'a.png', '--std', '1,1,0'], /--std: expected three numbers r,g,b above 0, got "1,1,0"/],
    [
      ['attack', 'a.png', '--model', 'x', '--weights', 'y'],
      /'-m, --model <name>' cannot be used with option '-w, --weights <file>'/,
    ],
    [['attack'], /images: expected image files or --dataset, got neither/],
    [['attack', 'a.png', ...dataset], /images: expected image files or --dataset, got both/],
    [['attack', ...dataset, '--label', '1'], /--label: expected image files, got --dataset/],
    [['attack', ...dataset, '--offset', '10'], /--offset: expected an index below 10/],
    [['attack', '--dataset', 'mnist'], /--dataset: expected cifar10-sample, got "mnist"/],
    [['attack', ...dataset, '--batch', '0'], /--batch: expected a whole number from 1 to 4096/],
    [
      ['attack', ...dataset, '--preprocess', 'zoom'],
      /--preprocess: expected auto, none, resize or crop, got "zoom"/,
    ],
    [['classify', 'a.png', '--top', '-1'], /--top: expected a whole number of at least 1, got "-1"/],
    [['eval', 'a.png'], /eval: expected labels to compare with, got none/],
    [
      ['eval', ...dataset, '--predictions', '/no/such/folder/p.jsonl'],
      /--predictions .*: expected a file that can be written, got: it does not exist/,
    ],
    [['report'], /missing required argument 'folder'/],
    [['report', '/no/such/run'], /expected the folder of a run/],
    [['doctor', 'now'], /too many arguments/],
    [[], /expected a command, got none/],
  ];
  test.each(cases)('%j', async (argv, message) => {
    const { code, out, err } = await cfr(argv);
    const problems = err.split('\n').filter((line) => line.startsWith('cfr: '));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
    expect(out).toBe('');
    expect(code).toBe(2);
  });
});

test.each(['attack', 'classify', 'eval', 'fit', 'explain', 'demo', 'report', 'doctor'])(
  '%s --help shows an example and exits with 0',
  async (name) => {
    const { code, out } = await cfr([name, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Usage: cfr ${name}`));
    expect(out).toMatch(new RegExp(`Examples?:\\n  cfr ${name}`));
  },
);

describe('settings on the command line', () => {
  const settings = async (...argv: string[]) => {
    const { code, out, err } = await cfr([
      'attack',
      ...dataset,
      '--out',
      temporaryFolder(),
      '--json',
      ...argv,
    ]);
    expect(code, err).toBe(0);
    return { ...JSON.parse(out).settings, notes: err };
  };

  test('what is true or false needs no value', async () => {
    const apgd = ['--method', 'apgd', '--iterations', '2'];
    expect(await settings(...apgd, '--minimal')).toMatchObject({ minimal: true, searches: 10 });
    expect(await settings(...apgd, '--minimal', 'true')).toMatchObject({ minimal: true });
    expect(await settings(...apgd, '--minimal', 'false')).toMatchObject({ minimal: false });
  });

  test('an epsilon says that the mode is budget, and a small one the norm; a note tells', async () => {
    const small = await settings('--epsilon', '8/255');
    expect(small).toMatchObject({ mode: 'budget', norm: 'linf', epsilon: 8 / 255 });
    expect(small.notes).toContain('--epsilon with method cfr means --mode budget --norm linf\n');
    const large = await settings('--budget', '1.5');
    expect(large).toMatchObject({ mode: 'budget', norm: 'l2', epsilon: 1.5 });
    expect(large.notes).toContain('means --mode budget\n');
    expect(await settings('--epsilon', '0.1', '--norm', 'l2')).toMatchObject({ norm: 'l2' });
    const said = await settings('--epsilon', '0.1', '--mode', 'budget');
    expect(said).toMatchObject({ mode: 'budget', norm: 'l2' });
    expect(said.notes).not.toContain('means');
    expect((await settings('--method', 'pgd', '--epsilon', '0.1')).notes).not.toContain('means');
  });
});

describe('fit', () => {
  const command = (out: string, ...more: string[]) => [
    'fit',
    ...dataset,
    '--out',
    out,
    '--iterations',
    '70',
    ...more,
  ];

  test('stopped anywhere, it comes to the same bytes; another fit is not written over', async () => {
    const folder = temporaryFolder();
    const [whole, parts] = [join(folder, 'whole.safetensors'), join(folder, 'parts.safetensors')];
    expect((await cfr(command(whole))).code).toBe(0);
    const first = await cfr(command(parts), { onBatch: (step) => step === 40 && interrupt() });
    expect(first.code).toBe(130);
    expect(first.err).toContain('interrupted: 40 of 70 steps are saved');
    const second = await cfr(command(parts));
    expect(second.err).toContain('40 of 70 steps are done');
    expect(readFileSync(parts)).toEqual(readFileSync(whole));
    const other = await cfr(command(parts, '--step-size', '0.5'));
    expect([other.code, other.err]).toEqual([
      2,
      expect.stringContaining('holds a patch with other settings: stepSize 0.05 there, 0.5 here'),
    ]);
    expect((await cfr(command(parts, '--step-size', '0.5', '--overwrite'))).code).toBe(0);
  });

  test('attack applies the file; its content is part of what the run is known by', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'patch.safetensors');
    await cfr(command(file));
    const attack = [
      'attack',
      ...dataset,
      '--method',
      'adv-patch',
      '--patch',
      file,
      '--out',
      join(folder, 'run'),
    ];
    const { code, out } = await cfr([...attack, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out).settings).toMatchObject({ patch: file, area: (12 / 32) ** 2 });
    await cfr(command(file, '--offset', '1', '--overwrite'));
    const changed = await cfr(attack);
    expect([changed.code, changed.err]).toEqual([
      2,
      expect.stringMatching(/other settings: patchSha256 [^;]+ there, [^;]+ here/),
    ]);
    const none = await cfr(['attack', ...dataset, '--method', 'adv-patch', '--patch', join(folder, 'none')]);
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('no such file')]);
  });
});

describe('methods', () => {
  test.each(METHODS.map(({ name }) => name))('%s is told in 80 columns, every setting', async (name) => {
    const { code, out } = await cfr(['methods', name]);
    expect(code).toBe(0);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const { table, title } = methodNamed(name);
    expect(out.startsWith(`${name}: ${title.slice(0, 20)}`)).toBe(true);
    const told = [...out.matchAll(/^ {2}--([a-z0-9-]+) +\S/gm)].map(([, flag]) => flag!);
    expect(new Set(told)).toEqual(new Set(Object.keys(table).map(flagName)));
  });

  test('the help of attack shows the few that most methods share, and where the others are', async () => {
    const { out } = await cfr(['attack', '--help']);
    for (const flag of ['--region', '--mode', '--preset', '--iterations', '--norm', '--epsilon', '--target'])
      expect(out).toMatch(new RegExp(`^ +(-n, )?${flag} `, 'm'));
    for (const flag of ['--temperature', '--initial-const', '--population'])
      expect(out).not.toMatch(new RegExp(`^ +${flag} `, 'm'));
    expect(out).toContain('cfr methods pgd');
    expect(out).toMatch(
      /Mode paper shows glaring blobs[\s\S]*multiplies delta by the soft mask at every step/,
    );
  });
});

test('--version prints the version', async () => {
  expect(await cfr(['--version'])).toMatchObject({ code: 0, out: '1.2.3\n' });
});

describe('classify', () => {
  const files = { 'a.png': image(1), 'b.png': image(2) };

  test('--json prints one document with the specified fields', async () => {
    const { code, out } = await cfr(['classify', 'a.png', 'b.png', '--json', '--top', '2', '--logits'], {
      files,
    });
    expect(code).toBe(0);
    const document = JSON.parse(out) as {
      source: string;
      top: { class: number; label: string; confidence: number }[];
      logits: number[];
    }[];
    expect(document.map(({ source }) => source)).toEqual(['a.png', 'b.png']);
    expect(document[0]!.top).toHaveLength(2);
    expect(document[0]!.top[0]).toMatchObject({ class: 1, label: 'dog' });
    expect(document[0]!.top[0]!.confidence).toBeCloseTo(Math.exp(5) / (Math.exp(5) + 3), 6);
    expect(document[1]!.logits).toEqual([0, 0, 5, 0]);
    expect(document[0]).toMatchObject({
      net: { arch: 'resnet20', classes: 4, inputSize: [32, 32], assumptions: [] },
    });
  });

  test('a bad image among good ones is told; the others are done; exit code 1', async () => {
    const { code, out, err } = await cfr(['classify', 'a.png', 'missing.png', 'b.png', '--json'], { files });
    expect(code).toBe(1);
    expect(err).toMatch(/^cfr: missing\.png: expected an image file, got no such file/m);
    expect(JSON.parse(out)).toHaveLength(2);
  });

  test('files that cannot be opened are left out one by one: a link to itself, a name too long, one with NUL', async () => {
    const folder = temporaryFolder();
    symlinkSync(join(folder, 'loop.png'), join(folder, 'loop.png'));
    const bad = ['loop.png', 'x'.repeat(300), 'a\0b.png'].map((name) => join(folder, name));
    const { code, out, err } = await cfr(['classify', 'a.png', ...bad, 'b.png', '--json'], { files });
    expect(code).toBe(1);
    expect(JSON.parse(out)).toHaveLength(2);
    const problems = err.split('\n').filter((line) => line.startsWith('cfr: '));
    expect(problems).toHaveLength(3);
    expect(problems[0]).toMatch(/loop\.png: expected an image file, got a link that leads to itself/);
    expect(problems[1]).toMatch(/xxx: expected an image file, got no possible name of a file/);
    expect(problems[2]).toMatch(/a\\x00b\.png: expected an image file, got no possible name of a file/);
  });

  test('a process without descriptors ends: its images are not taken for bad ones', async () => {
    const failing = {
      get 'c.png'(): never {
        throw Object.assign(new Error('EMFILE'), { code: 'EMFILE', syscall: 'open', path: 'c.png' });
      },
    };
    const { code, out } = await cfr(['classify', 'c.png', '--json'], { files: failing });
    expect([code, out]).toEqual([1, '']);
  });

  test('names and labels do not steer the terminal', async () => {
    const { out, err } = await cfr(['classify', 'a\x1b(2J.png', 'no\x1b]0;x\x07.png\ncfr: done'], {
      files: { 'a\x1b(2J.png': image(1) },
    });
    for (const steering of ['\x1b', '\x07']) expect(out + err).not.toContain(steering);
    expect(err).toMatch(/^cfr: no\\x1b\]0;x\\x07\.png\\x0acfr: done: expected an image file/m);
  });

  test('only bad images: exit code 2, no document and no device', async () => {
    const { code, out, batches } = await cfr(['classify', 'missing.png', 'other.png', '--json']);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(batches).toEqual([]);
  });
});

describe('eval', () => {
  test('counts, and writes predictions', async () => {
    const file = join(temporaryFolder(), 'predictions.jsonl');
    const { out } = await cfr([
      'eval',
      ...dataset,
      '--json',
      '--offset',
      '2',
      '--limit',
      '6',
      '--predictions',
      file,
    ]);
    expect(JSON.parse(out)).toMatchObject({
      accuracy: 1,
      images: 6,
      correct: 6,
      model: 'fake-net',
      adapter: 'made up (vulkan, software)',
    });
    const predictions = readFileSync(file, 'utf8').trim().split('\n');
    expect(predictions).toHaveLength(6);
    expect(JSON.parse(predictions[0]!)).toMatchObject({
      index: 2,
      source: 'sample/2',
      label: 2,
      class: 2,
      logits: [0, 0, 5, 0],
    });
  });

  const net: FakeOptions['net'] = ({ mean, std, stemPool }) => ({
    ...model,
    spec: {
      ...model.spec,
      ...(std ? { std } : {}),
      ...(mean ? { mean } : {}),
      stem: { ...model.spec.stem!, pool: stemPool ?? false },
    },
    assumptions: ['the usual normalisation'],
    open: ['normalisation', 'stem'],
  });

  test('tells what was assumed, and warns of accuracy near chance', async () => {
    const { out, err } = await cfr(['eval', ...dataset, '--json', '--limit', '20'], { net, images: 20 });
    const document = JSON.parse(out) as { accuracy: number; warnings: string[] };
    expect(document).toMatchObject({
      accuracy: 0,
      net: { arch: 'resnet20', inputSize: [32, 32], assumptions: ['the usual normalisation'] },
    });
    expect(document.warnings[0]).toMatch(/0 of 20 right is what guessing .* labels in another order/);
    expect(err).toContain('assumed or seen: the usual normalisation');
    expect(err).toMatch(/^cfr: warning: 0 of 20 right is what guessing among 4 classes gives/m);
  });

  test('--try-variants ranks what the file leaves open', async () => {
    const { code, out } = await cfr(['eval', ...dataset, '--json', '--try-variants'], { net });
    expect(code).toBe(0);
    const { variants } = JSON.parse(out) as { variants: { options: string; accuracy: number }[] };
    expect(variants).toHaveLength(18);
    expect(variants[0]).toMatchObject({ options: '--mean 0,0,0 --std 1,1,1', accuracy: 1 });
    expect(variants.map(({ accuracy }) => accuracy)).toEqual([1, 1, 1, ...new Array(15).fill(0)]);
    const table = await cfr(['eval', ...dataset, '--try-variants'], { net });
    expect(table.out).toMatch(/100\.00 % +10 +10 +--stem-pool --mean 0,0,0 --std 1,1,1/);
  });

  test('a batch larger than the adapter binds is lowered, with a note', async () => {
    // 250 elements an image, 4000 bytes a binding.
    const { batches, err } = await cfr(['eval', ...dataset, '--batch', '8']);
    expect(batches).toEqual([4]);
    expect(err).toMatch(/--batch 8 needs buffers of .* using 4/);
  });
});

/** The addresses of pictures in a report. */
const picturesIn = (html: string) => html.match(/\w+\/\d{5}\.png/g);

describe('attack', () => {
  const command = (out: string, ...more: string[]) => [
    'attack',
    ...dataset,
    '--out',
    out,
    '--batch',
    '2',
    ...more,
  ];

  test('writes everything, and measures what it saved', async () => {
    const out = temporaryFolder();
    const { code, out: said } = await cfr(
      command(out, '--limit', '3', '--iterations', '5', '--json', '--save-tensors'),
    );
    expect(code).toBe(0);
    const document = JSON.parse(said) as {
      asr: number;
      results: unknown[];
      settings: { iterations: number };
    };
    expect(document).toMatchObject({
      method: 'cfr',
      model: 'fake-net',
      seed: 0,
      images: 3,
      correct: 3,
      asr: 1,
      l0: 1,
      settings: { iterations: 5 },
    });
    expect(document.results).toEqual(lines(out));
    expect(Object.keys(lines(out)[0]!)).toEqual(
      'index source label clean adversarial correct success l0 l1 l2 linf ssim iterations forwards backwards found float regionPixels sha256 cfr cfrPixels trace'.split(
        ' ',
      ),
    );
    for (const folder of ['clean', 'adversarial', 'cam', 'mask', 'overlay', 'perturbation']) {
      expect(readdirSync(join(out, folder))).toEqual(['00000.png', '00001.png', '00002.png']);
    }
    const [clean, adversarial] = await Promise.all(
      ['clean', 'adversarial'].map((kind) => readImage(join(out, kind, '00002.png'))),
    );
    expect(clean!.data).toEqual(image(2).data);
    expect(adversarial!.data[0]! - clean!.data[0]!).toBe(1);
    const { tensors } = parseSafetensors(readFileSync(join(out, 'tensors.safetensors')), 'tensors');
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['x', [3, 3, 32, 32]],
      ['x_adv', [3, 3, 32, 32]],
      ['delta', [3, 3, 32, 32]],
      ['map', [3, 1, 8, 8]],
      ['cam', [3, 1, 32, 32]],
      ['mask', [3, 1, 32, 32]],
      ['logits', [3, 4]],
      ['logits_adv', [3, 4]],
    ]);
    const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as object;
    expect(Object.keys(summary)).toEqual(
      'method model net settings adapter seed batch labelled warnings images alreadyTarget correct asr l0 l1 l2 linf ssim median'.split(
        ' ',
      ),
    );
    for (const file of ['contact-sheet.png', 'report.html']) expect(existsSync(join(out, file))).toBe(true);
  });

  test('--gamma-end reaches the settings; left out it is 0.003, or --gamma where that is less', async () => {
    const settings = async (...more: string[]) => {
      const { out } = await cfr(command(temporaryFolder(), '--limit', '1', '--json', ...more));
      return (JSON.parse(out) as { settings: object }).settings;
    };
    expect(await settings('--gamma', '0.15', '--gamma-end', '0.01')).toMatchObject({
      gamma: 0.15,
      gammaEnd: 0.01,
    });
    expect(await settings('--gamma', '0.2')).toMatchObject({ gamma: 0.2, gammaEnd: 0.003 });
    expect(await settings('--gamma', '0.001')).toMatchObject({ gamma: 0.001, gammaEnd: 0.001 });
  });

  test('unlabelled files take the prediction of the net', async () => {
    const out = temporaryFolder();
    const files = { 'a.png': image(3) };
    const { out: said } = await cfr(['attack', 'a.png', '--out', out], { files });
    expect(lines(out)).toMatchObject([{ label: 3, correct: true, source: 'a.png' }]);
    expect(said).toContain('predictions changed 100.0 % (1 of 1; no labels given)');
    expect(said).not.toContain('classified right');
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toMatchObject({ labelled: false });
    const labelled = await cfr(['attack', 'a.png', '--label', 'ship', '--out', temporaryFolder()], { files });
    expect(labelled.out).toContain('(1 of 1 classified right when clean, 1 in all)');
  });

  test.each([0, 1, 2])('stopped in batch %i, it goes on with the batch that it began with', async (at) => {
    const out = temporaryFolder();
    const argv = ['attack', ...dataset, '--out', out];
    const first = await cfr(argv, { onBatch: (batch) => batch === at && interrupt() });
    expect([first.code, first.batches]).toEqual([130, [4]]);
    const other = at === 1 ? ['--batch', '3'] : [];
    const second = await cfr([...argv, ...other], {});
    expect([second.code, second.batches]).toEqual([0, [4]]);
    if (at === 1) expect(second.err).toContain('was begun with 4 images at a time, and goes on so');
    else expect(second.err).not.toContain('was begun with');
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toMatchObject({
      batch: 4,
      images: 10,
    });
    expect(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')).fingerprint).not.toHaveProperty('batch');
  });

  test('a batch that is asked for is part of what the run is known by', async () => {
    const out = temporaryFolder();
    const { code } = await cfr(command(out, '--batch', '3'));
    expect(code).toBe(0);
    expect(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'))).toMatchObject({
      batch: 3,
      fingerprint: { batch: 3 },
    });
  });

  test('images of the target class take no part, are counted, and are not looked at again', async () => {
    const out = temporaryFolder();
    const { out: said } = await cfr(command(out, '--target', 'dog', '--limit', '8', '--json'));
    expect(lines(out).map(({ index }) => index)).toEqual([0, 2, 3, 4, 6, 7]);
    expect(JSON.parse(said)).toMatchObject({ images: 6, alreadyTarget: 2 });
    const more = await cfr(command(out, '--target', 'dog'));
    expect(more.err).toMatch(/8 images are finished, 2 remain/);
    expect(more.out).toMatch(
      /\(7 of 7 classified right when clean, 7 in all; 3 more are of the target class already\)/,
    );
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toMatchObject({
      images: 7,
      alreadyTarget: 3,
    });
  });

  test('unlabelled files that the net takes for the target take no part', async () => {
    const out = temporaryFolder();
    const files = { 'a.png': image(1), 'b.png': image(2), 'c.png': image(5) };
    const { out: said, attacked } = await cfr(
      ['attack', 'a.png', 'b.png', 'c.png', '--target', 'dog', '--out', out, '--json', '--save-tensors'],
      { files },
    );
    expect(attacked).toEqual([[1]]);
    expect(JSON.parse(said)).toMatchObject({ images: 1, alreadyTarget: 2, correct: 1 });
    expect(lines(out)).toMatchObject([{ index: 1, source: 'b.png', label: 2 }]);
    expect((await readImage(join(out, 'clean/b.png'))).data).toEqual(image(2).data);
    const { tensors } = parseSafetensors(readFileSync(join(out, 'tensors.safetensors')), 'tensors');
    expect(tensors.get('x')!.shape).toEqual([1, 3, 32, 32]);
  });

  const dogs = { 'a.png': image(1), 'b.png': image(5) };
  test.each([
    ['by their labels', [...dataset, '--offset', '1', '--limit', '1'], 1, ''],
    ['to the net', Object.keys(dogs), 2, 'made up (vulkan, software)'],
  ])('all images of the target class %s: a document, or one line', async (_, images, count, adapter) => {
    const out = temporaryFolder();
    const argv = ['attack', ...images, '--target', 'dog', '--out', out];
    const first = await cfr([...argv, '--json'], { files: dogs });
    expect(first.code).toBe(0);
    expect(first.attacked).toEqual([]);
    const means = { l0: null, l1: null, l2: null, linf: null, ssim: null };
    const summary = { images: 0, alreadyTarget: count, correct: 0, asr: null, adapter, ...means };
    expect(JSON.parse(first.out)).toMatchObject({ ...summary, out, results: [] });
    const saved = readFileSync(join(out, 'summary.json'), 'utf8');
    expect(JSON.parse(saved)).toMatchObject(summary);

    const second = await cfr(argv, { files: dogs });
    expect([second.code, second.batches]).toEqual([0, []]);
    expect(second.out).toBe(
      `no image was attacked: ${count} ${count === 1 ? 'is' : 'are'} of the target class already; choose another --target or other images\n`,
    );
    expect((await cfr(['report', out])).code).toBe(0);
    expect(readFileSync(join(out, 'summary.json'), 'utf8')).toBe(saved);
  });

  test('Ctrl-C keeps what is finished and says how to go on; the same command does', async () => {
    const out = temporaryFolder();
    const first = await cfr(command(out, '--save-tensors'), {
      onBatch: (batch) => batch === 2 && interrupt(),
    });
    expect(first.code).toBe(130);
    expect(first.err).toMatch(
      /interrupted: 4 of 10 images are finished in .*; the same command goes on from there/,
    );
    expect(lines(out)).toHaveLength(4);
    const second = await cfr(command(out, '--save-tensors'));
    expect(second.code).toBe(0);
    expect(second.err).toMatch(/4 images are finished, 6 remain/);
    expect(second.attacked.flat()).toEqual([4, 5, 6, 7, 8, 9]);
    expect(lines(out).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const whole = temporaryFolder();
    await cfr(command(whole, '--save-tensors'));
    for (const name of ['results.jsonl', 'tensors.safetensors', 'summary.json']) {
      expect(readFileSync(join(out, name))).toEqual(readFileSync(join(whole, name)));
    }
  });

  test('images that the net has wrong already leave their places to others', async () => {
    const out = temporaryFolder();
    const wrong = [1, 2, 8];
    const { attacked, code } = await cfr(command(out, '--save-tensors'), { wrong });
    expect(code).toBe(0);
    expect(attacked).toEqual([[0, 3], [4, 5], [6, 7], [9]]);
    const results = lines(out);
    expect(results.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const { index, correct, success, iterations, l0 } of results) {
      const settled = wrong.includes(index);
      expect([correct, success, l0]).toEqual(settled ? [false, false, 0] : [true, true, 1]);
      expect(iterations === 0).toBe(settled);
    }
    for (const index of [1, 9])
      expect(existsSync(join(out, pictureName('adversarial', { index })))).toBe(true);
    // Stopped while two wait: they are done again.
    const stopped = temporaryFolder();
    const first = await cfr(command(stopped, '--save-tensors'), {
      wrong,
      onBatch: (batch) => batch === 1 && interrupt(),
    });
    expect(first.code).toBe(130);
    expect(lines(stopped).map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    await cfr(command(stopped, '--save-tensors'), { wrong });
    for (const name of ['results.jsonl', 'tensors.safetensors', 'summary.json'])
      expect(readFileSync(join(stopped, name))).toEqual(readFileSync(join(out, name)));
  });

  test('the other modes, and the net’s own labels, are attacked as they come', async () => {
    const { attacked } = await cfr(command(temporaryFolder(), '--mode', 'budget'), { wrong: [1, 2] });
    expect(attacked[0]).toEqual([0, 1]);
  });

  test('a finished run says its results again without a device, and can be extended', async () => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '2', '--save-tensors'));
    const again = await cfr(command(out, '--limit', '2', '--save-tensors', '--json'));
    expect(again.batches).toEqual([]);
    expect(JSON.parse(again.out)).toMatchObject({ images: 2, adapter: 'made up (vulkan, software)' });
    const more = await cfr(command(out, '--limit', '5', '--save-tensors'));
    expect(more.attacked.flat()).toEqual([2, 3, 4]);
    const { tensors } = parseSafetensors(readFileSync(join(out, 'tensors.safetensors')), 'tensors');
    expect(tensors.get('x')!.shape[0]).toBe(5);
    expect([...tensors.get('x')!.toFloat32().subarray(0, 2)]).toEqual(
      [...image(0).data.subarray(0, 6)].filter((_, i) => i % 3 === 0).map((v) => Math.fround(v / 255)),
    );
  });

  test('a truncated last line is done again', async () => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '4'));
    const text = readFileSync(join(out, 'results.jsonl'), 'utf8');
    writeFileSync(join(out, 'results.jsonl'), text.slice(0, -20));
    const { attacked } = await cfr(command(out, '--limit', '4'));
    expect(attacked).toEqual([[3]]);
    expect(readFileSync(join(out, 'results.jsonl'), 'utf8')).toBe(text);
  });

  test('a broken line before the last is refused', async () => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '2'));
    const file = join(out, 'results.jsonl');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, 'nonsense\n');
    appendFileSync(file, text);
    const { code, err } = await cfr(command(out, '--limit', '2'));
    expect(code).toBe(2);
    expect(err).toMatch(/results\.jsonl: line 1 is not a result/);
  });

  test.each([
    [['--tau', '0.3'], /other settings: tau 0.2 there, 0.3 here/],
    [['--mode', 'paper'], /other settings: mode "minimal" there, "paper" here; radius 0.3 there, unset here/],
    [['--seed', '1'], /seed 0 there, 1 here/],
    [['--save-tensors'], /saveTensors false there, true here/],
  ])('other settings on the same folder are refused: %j', async (more, message) => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '2'));
    const { code, err } = await cfr(command(out, '--limit', '2', ...more));
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(lines(out)).toHaveLength(2);
  });

  test('another picture under the same name is another run', async () => {
    const out = temporaryFolder();
    const argv = ['attack', 'cat.png', 'dog.png', '--out', out];
    const files = { 'cat.png': image(1), 'dog.png': image(2) };
    await cfr(argv, { files });
    expect((await cfr(argv, { files })).attacked).toEqual([]);
    const { code, err } = await cfr(argv, { files: { ...files, 'dog.png': image(3) } });
    expect(code).toBe(2);
    expect(err).toMatch(
      /other settings: images\.1 "dog\.png sha256:[\da-f]{64}" there, "dog\.png sha256:[\da-f]{64}" here; use/,
    );
    expect((await cfr([...argv, '--overwrite'], { files: {} })).code).toBe(2);
  });

  test('other weights of the same name are refused, --overwrite starts again', async () => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '2'));
    expect((await cfr(command(out, '--limit', '2'), { digest: 'def' })).err).toMatch(
      /weights "abc" there, "def" here/,
    );
    writeFileSync(join(out, 'notes.txt'), 'mine');
    const { code, attacked } = await cfr(command(out, '--limit', '1', '--overwrite'), { digest: 'def' });
    expect(code).toBe(0);
    expect(attacked).toEqual([[0]]);
    expect(readdirSync(join(out, 'clean'))).toEqual(['00000.png']);
    expect(existsSync(join(out, 'notes.txt'))).toBe(true);
  });

  test('--out that is a file is refused before any work', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const { code, err, batches } = await cfr(command(file));
    expect(code).toBe(2);
    expect(err).toMatch(
      /--out .*: expected a folder that can be written, got: a file stands where a folder should be/,
    );
    expect(batches).toEqual([]);
  });

  test('one process at a time works in --out; its lock goes with it, on Ctrl-C too', async () => {
    const out = temporaryFolder();
    const lock = join(out, '.lock');
    let second: Promise<Outcome> | undefined;
    const { code } = await cfr(command(out, '--limit', '4'), {
      onBatch(batch) {
        if (batch !== 1) return;
        expect(JSON.parse(readFileSync(lock, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
        second = cfr(command(out, '--limit', '4', '--overwrite'));
      },
    });
    expect(code).toBe(0);
    expect(await second).toMatchObject({
      code: 2,
      out: '',
      attacked: [],
      err: `cfr: --out ${out}: expected a folder that no other run works in, got one that process ${process.pid} works in; wait for it, choose another --out, or delete ${lock} if that is no run of this program\n`,
    });
    expect(lines(out)).toHaveLength(4);
    expect(existsSync(lock)).toBe(false);
    expect((await cfr(command(out), { onBatch: () => interrupt() })).code).toBe(130);
    expect((await cfr(command(out, '--tau', '0.3'))).code).toBe(2);
    expect(readdirSync(out).filter((name) => name.startsWith('.lock'))).toEqual([]);
  });

  test('the lock of a process that was killed is taken over, with what it had finished', async () => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '4'));
    appendFileSync(join(out, 'results.jsonl'), '{"index":4,');
    const { pid } = spawnSync(process.execPath, ['--version']);
    writeFileSync(join(out, '.lock'), JSON.stringify({ pid, host: hostname() }));
    const { code, err, attacked } = await cfr(command(out, '--limit', '6'));
    expect(code).toBe(0);
    expect(err).toContain(`${out}: took over from process ${pid}, which ended without finishing\n`);
    expect(attacked).toEqual([[4, 5]]);
    expect(readdirSync(out).filter((name) => name.startsWith('.lock'))).toEqual([]);
  });

  test('a failure of the device says what is finished', async () => {
    const out = temporaryFolder();
    const onBatch = (batch: number) => {
      if (batch === 1) throw new Error('device lost');
    };
    const { code, err } = await cfr(command(out), { onBatch });
    expect(code).toBe(1);
    expect(err).toMatch(
      /cfr: device lost \(2 of 10 images are finished in .*; the same command goes on from there\)/,
    );
  });

  test('a lost device is opened again, what was not saved is done again, and the files are the same', async () => {
    const whole = temporaryFolder();
    await cfr(command(whole, '--save-tensors'));
    const out = temporaryFolder();
    let losses = 0;
    const onBatch = (batch: number) => {
      if (batch === 1 && losses++ === 0) loseDevice();
    };
    const { code, err } = await cfr(command(out, '--save-tensors'), { onBatch });
    expect(code).toBe(0);
    expect(err).toContain(
      'device lost (made up): no reason; opening the device again, 2 images are done again',
    );
    for (const name of [
      'results.jsonl',
      'run.json',
      'tensors.safetensors',
      'summary.json',
      'adversarial/00003.png',
    ])
      expect(readFileSync(join(out, name)), name).toEqual(readFileSync(join(whole, name)));
  });

  test('where memory is short the batch is worked on in parts, and the files are the same', async () => {
    const whole = temporaryFolder();
    await cfr(command(whole, '--batch', '4'));
    const out = temporaryFolder();
    const { code, err, batches } = await cfr(command(out, '--batch', '4'), { fits: 1 });
    expect([code, batches]).toEqual([0, [1]]);
    expect(err).toContain('out of memory; opening the device again for 2 images at a time');
    expect(err).toContain('out of memory; opening the device again for one image at a time');
    expect(err).toContain('may differ in the last bit from those of 4 at a time');
    for (const name of ['results.jsonl', 'run.json', 'summary.json', 'adversarial/00003.png'])
      expect(readFileSync(join(out, name)), name).toEqual(readFileSync(join(whole, name)));
    expect(await cfr(command(temporaryFolder()), { fits: 0 })).toMatchObject({ code: 75, attacked: [] });
  });

  test('a device that is lost again and again is given up: exit code 75, try again', async () => {
    const out = temporaryFolder();
    let losses = 0;
    const onBatch = (batch: number) => {
      if (batch === 1 && losses++ < 100) loseDevice();
    };
    const { code, err } = await cfr(command(out), { onBatch });
    expect([code, losses]).toEqual([75, 4]);
    expect(err).toMatch(
      /cfr: device lost \(made up\).*\(2 of 10 images are finished in .*; the same command goes on/,
    );
    expect((await cfr(command(out))).code).toBe(0);
  });

  test('a device with wrong gradients is refused', async () => {
    const out = temporaryFolder();
    const { code, err, attacked } = await cfr(command(out), { selfTestFails: true });
    expect(code).toBe(1);
    expect(err).toMatch(/self-test: expected logits and gradients .* update its driver/);
    expect(attacked).toEqual([]);
  });

  test.each([true, false])(
    'a layer that gives no numbers is named, and nothing is attacked with it (at once: %s)',
    async (first) => {
      const diagnosis = { layer: 'layer3.0.conv2', value: Number.NaN, count: 3, of: 512 };
      const out = temporaryFolder();
      const { code, err, attacked } = await cfr(command(out), {
        diagnosis,
        diagnosisFirst: first,
        notANumber: 1,
      });
      expect(code).toBe(1);
      expect(err).toContain(
        'fake-net: expected finite values in every layer, got others: layer3.0.conv2 gives NaN (3 of 512 values); check the weights',
      );
      expect(attacked).toEqual([]);
      const classified = await cfr(['classify', '--dataset', 'cifar10-sample'], {
        diagnosis,
        diagnosisFirst: first,
        notANumber: 1,
      });
      expect([classified.code, classified.out]).toEqual([1, '']);
      expect(classified.err).toContain('layer3.0.conv2 gives NaN');
    },
  );

  test('report names missing and damaged pictures and goes on; the run makes them again', async () => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '3'));
    const whole = readFileSync(join(out, 'report.html'), 'utf8');
    rmSync(join(out, 'clean/00001.png'));
    writeFileSync(join(out, 'overlay/00000.png'), '');
    const damaged = join(out, 'adversarial/00002.png');
    const bytes = readFileSync(damaged);
    writeFileSync(damaged, bytes.fill(0, 41, 60));
    const { code, err } = await cfr(['report', out]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /got overlay\/00000\.png, clean\/00001\.png missing or damaged; the report goes without/,
    );
    expect(err).toMatch(/adversarial\/00002\.png: .*; the contact sheet goes without it/);
    const report = readFileSync(join(out, 'report.html'), 'utf8');
    expect(picturesIn(report)).not.toContain('overlay/00000.png');
    expect(picturesIn(report)).toContain('overlay/00001.png');
    rmSync(damaged);
    expect((await cfr(command(out, '--limit', '3'))).attacked.flat()).toEqual([0, 1, 2]);
    // But for the time that it took.
    expect(picturesIn(readFileSync(join(out, 'report.html'), 'utf8'))).toEqual(picturesIn(whole));
  });

  test('--single-file: the report holds its pictures; how a run was worked on is told', async () => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '2'));
    await cfr(command(out, '--limit', '3', '--single-file'));
    const html = readFileSync(join(out, 'report.html'), 'utf8');
    const page = JSON.parse(/id="data">(.*?)<\/script>/.exec(html)![1]!) as RunPage;
    expect(page.files).toEqual([]);
    const pictures = rowsOf<PageImage>(page.images).map((row) => row.pictures);
    expect(pictures.map((own) => Object.keys(own))).toEqual(
      Array(3).fill(['clean', 'adversarial', 'cam', 'mask']),
    );
    const bytes = readFileSync(join(out, 'adversarial/00002.png')).toString('base64');
    expect(pictures[2]!.adversarial).toBe(`data:image/png;base64,${bytes}`);
    const sessions = (JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as { sessions: object[] })
      .sessions;
    expect(sessions).toHaveLength(2);
    expect(sessions[1]).toEqual({
      command: expect.stringMatching(/^cfr attack .* --single-file$/),
      version: '1.2.3',
      started: '2026-01-02T03:04:05.000Z',
      seconds: 0,
    });
    const facts = Object.fromEntries(page.facts[0]!.facts);
    expect(facts).toMatchObject({ Program: 'cfr-attack 1.2.3', Adapter: 'made up (vulkan, software)' });
    // The likeliest classes, before and after.
    expect(rowsOf<PageImage>(page.images)[1]!.clean.top![0]).toEqual([1, expect.closeTo(0.98, 2)]);
  });

  test('a description that lacks something is told before any work', async () => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '1'));
    const file = join(out, 'run.json');
    const document = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...document, settings: null }));
    for (const argv of [['report', out], command(out)]) {
      const { code, err, attacked } = await cfr(argv);
      expect([code, attacked]).toEqual([2, []]);
      expect(err).toMatch(/^cfr: .*changed by hand \(run\.json: settings\)/);
    }
  });

  test('report rebuilds what was lost', async () => {
    const out = temporaryFolder();
    await cfr(command(out, '--limit', '2'));
    const summary = readFileSync(join(out, 'summary.json'), 'utf8');
    writeFileSync(join(out, 'summary.json'), '');
    const { code, out: said } = await cfr(['report', out, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(said)).toMatchObject({ images: 2, report: join(out, 'report.html') });
    expect(readFileSync(join(out, 'summary.json'), 'utf8')).toBe(summary);
  });
});

test('explain writes maps and tensors', async () => {
  const out = temporaryFolder();
  const { code, out: said } = await cfr(['explain', ...dataset, '--limit', '2', '--out', out, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(said)).toMatchObject([
    {
      index: 0,
      source: 'sample/0',
      explanation: 'gradcam',
      label: 0,
      class: 0,
      cfr: 'ok',
      cfrPixels: 819,
      map: { min: -1, max: 2.75 },
      files: { overlay: join(out, 'overlay/00000.png') },
    },
    { index: 1 },
  ]);
  expect(existsSync(join(out, 'mask/00001.png'))).toBe(true);
  const { tensors } = parseSafetensors(readFileSync(join(out, 'tensors.safetensors')), 'tensors');
  expect([...tensors.keys()]).toEqual(['x', 'map', 'cam', 'mask', 'logits']);
});

test('explain measures several explanations beside each other', async () => {
  const out = temporaryFolder();
  const several = ['--explanations', 'gradcam,saliency', '--faithfulness', '--steps', '4'];
  const { code, out: said } = await cfr([
    'explain',
    ...dataset,
    '--limit',
    '2',
    '--out',
    out,
    ...several,
    '--json',
  ]);
  expect(code).toBe(0);
  const { images, summaries, faithfulness } = JSON.parse(said);
  expect(faithfulness).toEqual({ steps: 4, baseline: 'mean' });
  expect(summaries.map(({ explanation, n }: { explanation: string; n: number }) => [explanation, n])).toEqual(
    [
      ['gradcam', 2],
      ['saliency', 2],
    ],
  );
  expect(images).toHaveLength(4);
  expect(images[0].faithfulness.shares).toEqual([0, 0.25, 0.5, 0.75, 1]);
  for (const file of [
    'faithfulness.json',
    'faithfulness.svg',
    'explanations.png',
    'saliency/overlay/00001.png',
  ])
    expect(existsSync(join(out, file))).toBe(true);
});

test.each([
  [['--explanations', 'gradcam,lime'], /--explanations: expected all or some of gradcam, .*got "lime"/],
  [['--explanations', 'cam,cam'], /--explanations: expected each once, got cam twice/],
  [['--explain-class', '9'], /--explain-class: expected a class of the net, 0 to 3.*got "9"/],
  [['--explanation', 'saliency', '--layer', 'last'], /--layer: expected no value with explanation saliency/],
  [['--faithfulness', '--steps', '0'], /--steps: expected an integer from 1 to 4096, got 0/],
])('explain %s is a mistake that is told', async (options, message) => {
  const { code, err } = await cfr(['explain', ...dataset, '--out', temporaryFolder(), ...options]);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});

test('models tells the nets of the registry, and which are here', async () => {
  const { code, out } = await cfr(['models', '--json']);
  expect(code).toBe(0);
  const models = JSON.parse(out) as { name: string; local: string | null; pgd20Accuracy: number | null }[];
  const shipped = models.find(({ name }) => name === 'resnet18-cifar10')!;
  expect(shipped).toMatchObject({
    arch: 'resnet18',
    dataset: 'cifar10',
    accuracy: 0.9088,
    pgd20Accuracy: null,
  });
  expect(shipped.local).toMatch(/resnet18-cifar10\.safetensors$/);
  expect((await cfr(['models'])).out).toMatch(/vgg16_bn-cifar10 .* 89\.87 % .* yes/);
});

test('demo chooses right and different classes, and replaces an older demo', async () => {
  const out = temporaryFolder();
  for (let time = 0; time < 2; time++) {
    const { code, out: said } = await cfr(['demo', '--out', out], { images: 40 });
    expect(code).toBe(0);
    expect(said).toMatch(/ASR 100.0 %/);
  }
  expect(lines(out).map(({ index }) => index)).toEqual([0, 1, 2, 3]);
});

test('doctor tells the adapter, the test and the advice', async () => {
  const { code, out } = await cfr(['doctor', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    adapter: { name: 'fake', software: true },
    features: ['subgroups'],
    selfTest: { passed: true },
    step: { gflops: 60 },
    cache: '/cache',
  });
  expect((await cfr(['doctor'], { selfTestFails: true })).code).toBe(1);
});

test('doctor advises against vectors that the kernels are not written for', () => {
  const lavapipe = {
    name: 'llvmpipe',
    vendor: 'mesa',
    architecture: '',
    driver: 'llvmpipe: Mesa 25',
    backend: 'vulkan',
    software: true,
  };
  expect(adviceFor(lavapipe, 16)).toMatch(/unset LP_NATIVE_VECTOR_WIDTH/);
  expect(adviceFor(lavapipe, 8)).toMatch(/a GPU/);
  expect(adviceFor({ ...lavapipe, software: false }, 32)).toBeNull();
});
