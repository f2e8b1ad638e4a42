/** The columns of the table of images. */
import type { ComponentChildren } from 'preact';
import { outcomeOf, type PageImage, type RunPage } from '../../page-data.js';
import type { PictureKind } from '../../run-files.js';
import { className, fixed, percentText } from '../format.js';
import { SHARP_BELOW } from '../image/stage.js';
import { outcomeNames, shortSource } from './context.js';

export interface ImageColumn {
  readonly key: string;
  readonly name: string;
  /** Of the CSV where it is not the key's own value; and sorted by. */
  readonly value?: (image: PageImage, page: RunPage) => number | string;
  readonly numeric?: boolean;
  readonly picture?: boolean;
  readonly cell: (image: PageImage, page: RunPage) => ComponentChildren;
  /** Shown before anything is chosen. */
  readonly first?: boolean;
}

function number(
  key: string,
  name: string,
  of: (image: PageImage) => number,
  digits: number,
  first = false,
): ImageColumn {
  return { key, name, value: of, numeric: true, cell: (image) => fixed(of(image), digits), first };
}

function picture(kind: PictureKind, name: string, first = false): ImageColumn {
  return {
    key: kind,
    name,
    picture: true,
    first,
    cell: (image, { inputSize }) => {
      const address = image.pictures[kind];
      if (!address) return <span class="muted small">none</span>;
      const sharp = Math.max(...inputSize) < SHARP_BELOW ? 'sharp' : '';
      return <img class={sharp} src={address} alt={`${name} #${image.index}`} decoding="async" />;
    },
  };
}

function prediction(key: 'clean' | 'adversarial', name: string): ImageColumn {
  return {
    key: `${key}Class`,
    name,
    first: true,
    value: (image, { classes }) => className(image[key].class, classes),
    cell: (image, { classes }) => (
      <>
        {className(image[key].class, classes)}
        <br />
        <span class="muted small">{percentText(image[key].confidence)}</span>
        {key === 'clean' && !image.correct && (
          <span class="muted small"> is {className(image.label, classes)}</span>
        )}
      </>
    ),
  };
}

/** The first says which image it is, and is always there. */
export const IMAGE_COLUMNS: readonly ImageColumn[] = [
  {
    key: 'index',
    name: 'Image',
    first: true,
    value: ({ index }) => index,
    cell: (image) => (
      <a href={`#image=${image.index}`} title={image.source}>
        {shortSource(image)}
      </a>
    ),
  },
  picture('clean', 'Original', true),
  picture('overlay', 'Grad-CAM', true),
  picture('mask', 'Soft mask'),
  picture('perturbation', 'Perturbation', true),
  picture('adversarial', 'Adversarial', true),
  prediction('clean', 'Clean'),
  prediction('adversarial', 'Attacked'),
  {
    key: 'outcome',
    name: 'Outcome',
    first: true,
    value: (image) => outcomeOf(image),
    cell: (image, { labelled }) => (
      <span class={outcomeOf(image)}>{outcomeNames(labelled)[outcomeOf(image)]}</span>
    ),
  },
  number('l2', 'l2', ({ l2 }) => l2, 3, true),
  number('linf', 'linf', ({ linf }) => linf, 4, true),
  number('l1', 'l1', ({ l1 }) => l1, 2),
  number('l0', 'l0', ({ l0 }) => l0, 0),
  number('ssim', 'SSIM', ({ ssim }) => ssim, 4, true),
  number('confidence', 'Confidence', ({ adversarial }) => adversarial.confidence, 3),
  {
    key: 'cfrPixels',
    name: 'CFR',
    numeric: true,
    value: ({ cfr, cfrPixels }) => (cfr === 'empty' ? 0 : cfrPixels),
    cell: ({ cfr, cfrPixels }) => (cfr === 'empty' ? 'empty' : String(cfrPixels)),
  },
  number('regionPixels', 'Region', ({ regionPixels }) => regionPixels, 0),
  number('iterations', 'Steps', ({ iterations }) => iterations, 0, true),
  number('forwards', 'Forwards', ({ forwards }) => forwards, 0),
  number('backwards', 'Backwards', ({ backwards }) => backwards, 0),
  number('found', 'Found after', ({ found }) => found, 0),
];
