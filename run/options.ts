/** Which net and which images a command is about, as the user says it. */
import { UserError } from '../base/errors.js';
import { suggestion } from '../base/suggestion.js';
import type { Shortcut, Size } from '../nets/spec.js';

export interface NetOptions {
  readonly model?: string;
  readonly weights?: string;
  readonly arch?: string;
  readonly mean?: Triple;
  readonly std?: Triple;
  readonly inputSize?: Size;
  readonly stemPool?: boolean;
  readonly stemStride?: number;
  readonly lastPool?: boolean;
  readonly shortcut?: Shortcut;
  readonly prefix?: string;
  readonly ignoreExtra?: boolean;
}

export type Triple = readonly [number, number, number];
export type PreprocessMode = 'auto' | 'none' | 'resize' | 'crop';

export interface DataOptions {
  readonly dataset?: string;
  /** A class index or name, resolved once the net is known. */
  readonly label?: string;
  readonly limit?: number;
  readonly offset: number;
  readonly batch?: number;
  readonly preprocess: PreprocessMode;
}

/**
 * A class given by index or by name.
 * @throws UserError where the net has no such class.
 */
export function classIndex(name: string, text: string, labels: readonly string[], classes: number): number {
  const index = /^\d+$/.test(text)
    ? Number(text)
    : labels.findIndex((label) => label.toLowerCase() === text.toLowerCase());
  if (index >= 0 && index < classes) return index;
  const named = labels.length > 0 ? ' or one of its class names' : '';
  throw new UserError(
    `${name}: expected a class of the net, 0 to ${classes - 1}${named}, got "${text}"${suggestion(text, labels)}`,
  );
}
