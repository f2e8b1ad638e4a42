/** Numbers as the page writes them. */
export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

export const percent = (share: number) =>
  `${(100 * share).toFixed(share > 0.995 || share < 0.005 ? 2 : 0)} %`;

/** Three digits, without the zero before the point. */
export function short(value: number): string {
  if (value === 0) return '0';
  const text = value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  return text.replace(/^0\./, '.');
}

/** A structural similarity: what matters is how far it is from 1. */
export const similarity = (value: number) => value.toFixed(4).replace(/^0/, '');

export const seconds = (milliseconds: number) =>
  milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

/** `maskNorm` -> `mask norm`. */
export const spaced = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
