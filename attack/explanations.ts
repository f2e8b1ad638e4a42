/** The explanations that there are, as data: types, checks, options, help and docs/explanations.md follow from these rows. */

/** What an explanation says of itself. */
export interface ExplanationTraits {
  /** In a few words, for lists. */
  readonly title: string;
  /** Author and year; paper, and where public code differs from it, what is followed. */
  readonly source: string;
  /** The raw map, before any rectification. A: features [channels, cells] of the explained block; g: gradient of the explained logit Z there. */
  readonly formula: string;
  /** What it reads: `gradient`: A and g; `weights`: A and the weights of a last linear layer over global pooling; `pixels`: the gradient at the image. */
  readonly needs: 'gradient' | 'weights' | 'pixels';
  /** Its raw map can be negative; the CFR is made of the positive part. */
  readonly signed: boolean;
}

const table = {
  gradcam: {
    title: 'Grad-CAM',
    source: 'Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks',
    formula: 'sum_k mean(g_k) A_k',
    needs: 'gradient',
    signed: true,
  },
  cam: {
    title: 'class activation map',
    source: 'Zhou et al. 2016, Learning Deep Features for Discriminative Localization',
    formula: 'sum_k W[class, k] A_k',
    needs: 'weights',
    signed: true,
  },
  'gradcam++': {
    title: 'Grad-CAM++',
    source:
      "Chattopadhay et al. 2018, Grad-CAM++: Generalized Gradient-Based Visual Explanations; with the sum of A where the paper's Eq. 19 has it, and 1e-6, as pytorch-grad-cam",
    formula: 'sum_k w_k A_k, w_k = sum(a_k max(g_k, 0)), a_k = g_k^2 / (2 g_k^2 + sum(A_k) g_k^3 + 1e-6)',
    needs: 'gradient',
    signed: true,
  },
  hirescam: {
    title: 'HiResCAM',
    source:
      'Draelos and Carin 2020, Use HiResCAM instead of Grad-CAM for Faithful Explanations of Convolutional Neural Networks',
    formula: 'sum_k g_k A_k',
    needs: 'gradient',
    signed: true,
  },
  layercam: {
    title: 'LayerCAM',
    source: 'Jiang et al. 2021, LayerCAM: Exploring Hierarchical Class Activation Maps for Localization',
    formula: 'sum_k max(g_k, 0) A_k',
    needs: 'gradient',
    signed: true,
  },
  xgradcam: {
    title: 'XGrad-CAM',
    source:
      'Fu et al. 2020, Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs; with 1e-7 in the quotient, as pytorch-grad-cam',
    formula: 'sum_k w_k A_k, w_k = sum(g_k A_k / (sum(A_k) + 1e-7))',
    needs: 'gradient',
    signed: true,
  },
  saliency: {
    title: 'gradient saliency',
    source: 'Simonyan et al. 2014, Deep Inside Convolutional Networks',
    formula: 'max over red, green, blue of |dZ/dx|',
    needs: 'pixels',
    signed: false,
  },
  'input-x-gradient': {
    title: 'input times gradient',
    source:
      'Shrikumar et al. 2016, Not Just a Black Box; x is the pixels in [0, 1], so that black is nothing',
    formula: 'sum over red, green, blue of x dZ/dx',
    needs: 'pixels',
    signed: true,
  },
} as const satisfies Readonly<Record<string, ExplanationTraits>>;

/** A name of `explanationTable`. */
export type Explanation = keyof typeof table;

/** Every explanation by name, with its source and formula as data. */
export const explanationTable: Readonly<Record<Explanation, ExplanationTraits>> = table;

export const EXPLANATIONS = Object.keys(explanationTable) as [Explanation, ...Explanation[]];

/** Those that explain a block of the net, which `layer` names. */
export const OF_A_BLOCK = EXPLANATIONS.filter((name) => explanationTable[name].needs !== 'pixels');
