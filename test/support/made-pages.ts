/** Pages of made-up results, for tests of how they look and behave. */
import {
  columnsOf,
  type PageChart,
  type PageImage,
  type RunPage,
  type StudyCell,
  type StudyPage,
} from '../../report/page-data.js';
import { type PictureKind, pictureFolders, pictureName } from '../../report/run-files.js';

const classes = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/** In [0, 1), the same for the same numbers. */
function made(index: number, salt: number): number {
  const value = Math.sin(index * 12.9898 + salt * 78.233) * 43758.5453;
  return value - Math.floor(value);
}

function madeImage(index: number): PageImage {
  const label = index % 10;
  const correct = made(index, 1) > 0.08;
  const success = correct && made(index, 2) > 0.1;
  const before = correct ? label : (label + 3) % 10;
  const after = success ? (label + 1 + Math.floor(3 * made(index, 3))) % 10 : before;
  const top = (first: number, confidence: number): [number, number][] =>
    [0, 1, 2, 3, 4].map((i) => [(first + i) % 10, i === 0 ? confidence : ((1 - confidence) * 0.5) / 2 ** i]);
  const sure = 0.5 + 0.5 * made(index, 4);
  const fooled = 0.35 + 0.3 * made(index, 5);
  const l2 = success ? 0.05 + 0.4 * made(index, 6) ** 2 : 0;
  return {
    index,
    source: `photographs/of/animals/image-${index}.png`,
    label,
    clean: { class: before, confidence: sure, top: top(before, sure) },
    adversarial: { class: after, confidence: fooled, top: top(after, fooled) },
    correct,
    success,
    l0: Math.round(1200 * l2),
    l1: 20 * l2,
    l2,
    linf: Math.max(1, Math.round(40 * l2)) / 255,
    ssim: 1 - l2 / 60,
    iterations: 30,
    forwards: 31,
    backwards: 30,
    found: 20,
    regionPixels: 300,
    cfr: 'ok',
    cfrPixels: 300,
    trace: {
      every: 1,
      loss: Array.from({ length: 30 }, (_, i) => 5 / (1 + i) + made(index, i)),
      l2: Array.from({ length: 30 }, (_, i) => l2 * (1 + 2 / (1 + i))),
    },
    pictures: Object.fromEntries(
      pictureFolders.map((kind) => [kind, pictureName(kind, { index })]),
    ) as Record<PictureKind, string>,
  };
}

export function madeRun(count: number): RunPage {
  const images = Array.from({ length: count }, (_, index) => madeImage(index));
  return {
    kind: 'run',
    title: 'cfr on resnet18-cifar10',
    subtitle: 'made up · 2026-11-25 16:04 UTC',
    labelled: true,
    classes,
    inputSize: [32, 32],
    norm: 'l2',
    figures: [
      {
        name: 'Attack success rate',
        value: 0.98,
        interval: { low: 0.95, high: 0.99 },
        unit: 'rate',
        hint: '49 of 50 right when clean',
      },
      { name: 'Images', value: count, unit: 'count', hint: '4 wrong when clean' },
      {
        name: 'Mean l2',
        value: 0.17,
        interval: { low: 0.15, high: 0.19 },
        unit: 'size',
        digits: 3,
        hint: 'median .16',
      },
      {
        name: 'Mean SSIM',
        value: 0.99,
        interval: null,
        unit: 'size',
        digits: 4,
        hint: 'structural similarity',
      },
    ],
    warnings: ['3 of 60 images have an empty region (cfr): nothing could be changed there'],
    empty: '',
    facts: [
      {
        title: 'Provenance',
        facts: [
          ['Command', 'cfr attack --dataset cifar10-sample --out out/run'],
          ['Weights', 'sha256 8fccd405601f9eca14809cea6b3a77b4d42fa656efb73d7f701f66cf594657aa'],
        ],
      },
      { title: 'Settings', facts: [['tau', '0.2']] },
    ],
    files: [{ name: 'results.jsonl', href: 'results.jsonl', what: 'a line of JSON an image' }],
    images: columnsOf(images),
  };
}

const methods = ['cfr', 'ddn', 'deepfool', 'pgd norm l2', 'cw-l2 const 1', 'noise norm l2 in all'];

function madeCell(title: string, at: number, count: number): StudyCell {
  const sizes = Array.from({ length: count }, (_, i) => 0.05 + (0.3 + 0.1 * at) * made(i, at));
  return {
    title,
    net: 'resnet18-cifar10',
    pictures: '.',
    success: sizes.map((_, i) => made(i, at + 20) > 0.05 * at),
    class: sizes.map((_, i) => (i + 1) % 10),
    norms: {
      l0: sizes.map((s) => Math.round(1000 * s)),
      l1: sizes,
      l2: sizes,
      linf: sizes.map((s) => s / 5),
    },
    control: title.startsWith('noise'),
  };
}

const charts: Readonly<Record<string, readonly PageChart[]>> = {
  compare: [],
  sweep: [
    {
      kind: 'lines',
      title: 'cfr on resnet18-cifar10: ASR',
      note: '64 images that are right when clean; bands: 95 % intervals',
      x: 'tau',
      y: 'ASR',
      percent: true,
      series: [10, 20, 30].map((steps) => ({
        name: `iterations ${steps}`,
        points: [0, 0.2, 0.4, 0.6].map((x) => ({
          x,
          y: 0.9 - x / 2 + steps / 400,
          low: 0.8 - x / 2,
          high: 0.99 - x / 2,
        })),
      })),
    },
    {
      kind: 'heat',
      title: 'cfr on resnet18-cifar10: median l2',
      note: '64 images that are right when clean',
      x: 'temperature',
      y: 'iterations',
      percent: false,
      rows: ['10', '20', '30'],
      columns: ['0.05', '0.1', '0.5', '2'],
      values: [10, 20, 30].map((steps) =>
        [0.05, 0.1, 0.5, null].map((t) => (t === null ? null : 0.2 + t / steps)),
      ),
    },
  ],
  transfer: ['From resnet18-cifar10', 'From vgg11_bn-cifar10'].map((title) => ({
    kind: 'heat',
    title,
    note: 'accuracy of the target, low where the attack carries over',
    x: 'attack',
    y: 'target',
    percent: true,
    rows: ['resnet18-cifar10', 'vgg11_bn-cifar10'],
    columns: ['Natural', ...methods],
    values: [0, 1].map((r) => ['Natural', ...methods].map((_, c) => made(r, c))),
  })),
  regions: [
    {
      kind: 'bars',
      title: 'Accuracy with pixels set to 0',
      note: 'tau 0.2; 95 % intervals',
      y: 'accuracy',
      percent: true,
      names: ['resnet18-cifar10', 'vgg11_bn-cifar10'],
      series: ['clean', 'Adv-CFR', 'Adv-non-CFR', 'random pixels'].map((name, s) => ({
        name,
        bars: [0, 1].map((i) => {
          const value = 0.2 + 0.7 * made(i, s);
          return { value, low: value - 0.05, high: Math.min(1, value + 0.05) };
        }),
      })),
    },
    {
      kind: 'bars',
      title: 'mean l0',
      note: 'values that are no shares',
      y: 'mean l0',
      percent: false,
      names: ['region all', 'region cfr'],
      series: [{ name: 'mean l0', bars: [{ value: 1491 }, { value: 875 }] }],
    },
  ],
};

export function madeStudy(command: 'compare' | 'sweep' | 'transfer' | 'regions'): StudyPage {
  const count = 40;
  const columns = [
    'net',
    'method',
    'ASR',
    '95 %',
    'l0',
    'l1',
    'l2',
    'linf',
    'SSIM',
    'median l2',
    'propagations',
  ];
  return {
    kind: 'study',
    command,
    title: 'Attacks compared',
    subtitle: 'resnet18-cifar10 · 2026-11-25 16:04 UTC',
    classes,
    inputSize: [32, 32],
    norm: 'l2',
    warnings: [],
    notes: ['ASR over the images that all nets classify right, with its Wilson 95 % interval.'],
    columns: columns.map((name, c) => ({ name, numeric: c > 1 && c !== 3 })),
    rows: methods.map((method, m) =>
      columns.map((name, c) => {
        if (c < 2)
          return {
            text: c === 0 ? 'resnet18-cifar10' : method,
            value: c === 0 ? 'resnet18-cifar10' : method,
          };
        const value = name === 'ASR' ? 1 - 0.05 * m : made(m, c);
        if (name === '95 %') return { text: '91.2 – 97.9', value: '91.2 – 97.9' };
        return { text: name === 'ASR' ? `${(100 * value).toFixed(1)} %` : value.toFixed(3), value };
      }),
    ),
    charts: charts[command]!,
    images:
      command === 'regions'
        ? null
        : {
            index: Array.from({ length: count }, (_, i) => i),
            name: Array.from({ length: count }, (_, i) => (i === 1 ? 'a #1' : null)),
            label: Array.from({ length: count }, (_, i) => i % 10),
            cells: methods.map((title, at) => madeCell(title, at, count)),
          },
    facts: [{ title: 'Provenance', facts: [['Command', 'cfr compare --quick']] }],
    files: [{ name: 'table.csv', href: 'table.csv', what: 'the table' }],
  };
}
