/** What every part of a run's page knows. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { type OutcomeName, outcomeOf, type PageImage, type RunPage } from '../../page-data.js';
import { className } from '../format.js';
import type { Filter } from './images.js';

export interface RunContext {
  readonly page: RunPage;
  readonly images: readonly PageImage[];
  readonly filter: Filter;
  readonly setFilter: (filter: Filter) => void;
  /** Opens an image, by its index. */
  readonly open: (index: number) => void;
}

const Context = createContext<RunContext | undefined>(undefined);
export const RunProvider = Context.Provider;

export function useRun(): RunContext {
  return useContext(Context)!;
}

export function outcomeNames(labelled: boolean): Readonly<Record<OutcomeName, string>> {
  return labelled
    ? { fooled: 'fooled', held: 'not fooled', wrong: 'wrong when clean' }
    : { fooled: 'prediction changed', held: 'prediction kept', wrong: 'wrong when clean' };
}

/** `cat → dog`, `cat`, or `cat (is dog)`. */
export function changeText(image: PageImage, classes: readonly string[]): string {
  const clean = className(image.clean.class, classes);
  const adversarial = className(image.adversarial.class, classes);
  if (outcomeOf(image) === 'wrong') return `${clean} (is ${className(image.label, classes)})`;
  return clean === adversarial ? clean : `${clean} → ${adversarial}`;
}

/** What tells an image apart in little room: `cat.png`, or `#12` of a data set. */
export function shortSource({ source, index }: PageImage): string {
  const last = source.split(/[/\\]/).at(-1) ?? '';
  return last === '' || /^\d+$/.test(last) ? `#${last || index}` : last;
}
