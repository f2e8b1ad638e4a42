/**
 * What the paper reports (Qian et al., Towards Imperceptible Adversarial Image Patches Based on Network Explanations), to stand beside what is
 * measured. Some of its norms cannot hold together (an l2 of 21 with an l1 of 798 and an l0 of 2832); they are given as printed.
 */

/** Percent, counts, sums; null where the paper gives none. */
export interface PaperFigures {
  readonly asr: number;
  readonly ssim: number | null;
  readonly l0: number | null;
  readonly l1: number | null;
  readonly l2: number | null;
  readonly linf: number | null;
}

export type PaperData = 'cifar10' | 'imagenet';

interface PaperRow extends PaperFigures {
  readonly net: string;
  readonly data: PaperData;
  readonly method: string;
}

function row(
  net: string,
  data: PaperData,
  method: string,
  [asr, ssim, l0, l1, l2, linf]: readonly [number, ...(number | null)[]],
): PaperRow {
  return {
    net,
    data,
    method,
    asr,
    ssim: ssim ?? null,
    l0: l0 ?? null,
    l1: l1 ?? null,
    l2: l2 ?? null,
    linf: linf ?? null,
  };
}

/** Table I: ASR, SSIM, l0, l1, l2, linf. */
const TABLE_1: readonly PaperRow[] = [
  row('resnet18', 'cifar10', 'pgd', [93.18, 0.94, 3060, 265.84, 5.57, 0.16]),
  row('resnet18', 'cifar10', 'cw-l2', [97.44, 0.94, 2832, 797.97, 21.01, 0.94]),
  row('resnet18', 'cifar10', 'jsma', [90.33, 0.71, 335, 856.11, 28.04, 1]),
  row('resnet18', 'cifar10', 'one-pixel', [80.77, 0.99, 15, 24.89, 7.03, 1]),
  row('resnet18', 'cifar10', 'cfr', [100, 0.99, 2333, 77.03, 1.56, 0.07]),
  row('vgg19', 'imagenet', 'pgd', [97.7, 0.91, 150528, 138318, 373.95, 0.93]),
  row('vgg19', 'imagenet', 'cw-l2', [99.33, 0.89, null, null, 297.8, 0.98]),
  row('vgg19', 'imagenet', 'jsma', [90, 0.94, 447, null, 194.35, 1]),
  row('vgg19', 'imagenet', 'one-pixel', [40.56, 0.99, 15, 29.43, 8.69, 1]),
  row('vgg19', 'imagenet', 'adv-patch', [99.48, 0.9, 14700, 16685, 163.2, 1]),
  row('vgg19', 'imagenet', 'lavan', [95.1, 0.96, 7500, 5985, 73.53, 1]),
  row('vgg19', 'imagenet', 'cfr', [100, 0.99, 98431, 7835.55, 42.94, 0.28]),
];

/** Table II: ASR against adversarially trained nets, by the training that a net's name tells. */
const TABLE_2: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'resnet18-fastat': { pgd: 63.66, 'cw-l2': 70.79, cfr: 79 },
  'resnet18-pgdat': { pgd: 57.57, 'cw-l2': 65.71, cfr: 77.39 },
  'vgg16-fastat': { pgd: 65.99, 'cw-l2': 66.11, 'adv-patch': 63.89, lavan: 67.11, cfr: 79.87 },
  'vgg16-pgdat': { pgd: 63.5, 'cw-l2': 57.72, 'adv-patch': 75.75, lavan: 65, cfr: 77.6 },
};

/** Beside which experiment a figure of the paper stands in words, where it prints no numbers. */
export const paperSays = {
  regions:
    'Fig. 2, 3: accuracy falls by 60 % or more with the CFR set to 0, and by 3 % or less with everything else set to 0',
  transfer: 'Fig. 7, 8: CFR transfers best of PGD, M-DI2-FGSM, C&W and CFR',
  iterations: 'Fig. 9: ASR grows with the iterations, 100 % at 30 and temperature 0.1',
  temperature: 'Fig. 9: temperature 2 is worst, and below 0.1 the ASR falls again',
  tau: 'Fig. 10: with tau from 0 to 0.9 l0 falls and the ASR stays',
} as const;

/** How a net was made robust, by its name (`resnet18-pgdat-cifar10`); undefined where the name says nothing of it. */
export function robustTraining(model: string): 'fastat' | 'pgdat' | undefined {
  return /(?:^|-)(fastat|pgdat)(?:-|$)/.exec(model)?.[1] as 'fastat' | 'pgdat' | undefined;
}

/** The paper's architectures, with or without batch-norm, by ours. */
function paperNet(arch: string): string {
  return arch.replace(/_bn$/, '');
}

/** What the paper reports of a method on a net of an architecture; undefined where it reports nothing. */
export function paperFigures(
  net: { readonly name: string; readonly arch: string; readonly classes: number },
  method: string,
): PaperFigures | undefined {
  const arch = paperNet(net.arch);
  const training = robustTraining(net.name);
  if (training !== undefined) {
    const asr = net.classes === 10 ? TABLE_2[`${arch}-${training}`]?.[method] : undefined;
    return asr === undefined ? undefined : { asr, ssim: null, l0: null, l1: null, l2: null, linf: null };
  }
  const data = { 10: 'cifar10', 1000: 'imagenet' }[net.classes];
  const found = TABLE_1.find((one) => one.net === arch && one.data === data && one.method === method);
  if (!found) return undefined;
  const { asr, ssim, l0, l1, l2, linf } = found;
  return { asr, ssim, l0, l1, l2, linf };
}
