/** What a page of results is given, as JSON within it: facts made here, in Node; the components in `ui/` only show them. */
import type { Outcome } from '../attack/measures.js';
import type { Norm } from '../attack/settings/common.js';
import type { AnyKind, FullSize, ImageResult, Prediction, Trace } from './run-files.js';
import type { Interval } from './statistics.js';

/** A number at the head of a page. */
export interface Figure {
  readonly name: string;
  /** Null where it does not exist: a rate of nothing. */
  readonly value: number | null;
  /** 95 %, where the figure is an estimate. */
  readonly interval?: Interval | null;
  readonly unit: 'rate' | 'count' | 'size';
  /** Of a size. */
  readonly digits?: number;
  readonly hint: string;
}

/** A name and what there is to say. */
export type Fact = readonly [name: string, value: string];

export interface FactGroup {
  readonly title: string;
  readonly facts: readonly Fact[];
}

/** A file beside the page. */
export interface FileLink {
  readonly name: string;
  readonly href: string;
  readonly what: string;
}

export type OutcomeName = 'fooled' | 'held' | 'wrong';

/** An attack can neither fool nor fail to fool a net that was wrong before it. */
export function outcomeOf({ correct, success }: Pick<Outcome, 'correct' | 'success'>): OutcomeName {
  if (!correct) return 'wrong';
  return success ? 'fooled' : 'held';
}

/** An attacked image as the page has it. */
export interface PageImage extends Outcome {
  readonly index: number;
  readonly source: string;
  readonly label: number;
  readonly clean: Prediction;
  readonly adversarial: Prediction;
  readonly iterations: number;
  readonly forwards: number;
  readonly backwards: number;
  readonly found: number;
  readonly regionPixels: number;
  readonly cfr: ImageResult['cfr'];
  readonly cfrPixels: number;
  readonly trace?: Trace | undefined;
  readonly photo?: FullSize | undefined;
  /** Addresses of its pictures; what is not there is left out. */
  readonly pictures: Partial<Readonly<Record<AnyKind, string>>>;
}

/** Columns instead of rows: the names of 10,000 rows would be most of the page. */
export type Columns = Readonly<Record<string, readonly unknown[]>>;

export interface RunPage {
  readonly kind: 'run';
  readonly title: string;
  readonly subtitle: string;
  /** False: success is a changed prediction. */
  readonly labelled: boolean;
  /** Names of classes; one without goes as "class 7". */
  readonly classes: readonly string[];
  /** Of the net's input: small images are shown as sharp squares. */
  readonly inputSize: readonly [height: number, width: number];
  /** The norm that the method holds or makes small. */
  readonly norm: Norm;
  readonly figures: readonly Figure[];
  readonly warnings: readonly string[];
  /** Says why there are no images, where there are none. */
  readonly empty: string;
  readonly facts: readonly FactGroup[];
  readonly files: readonly FileLink[];
  readonly images: Columns;
}

/** One of several runs on the same images. */
export interface StudyCell {
  readonly title: string;
  readonly net: string;
  /** Folder of its pictures, relative to the page; null where they lie elsewhere. */
  readonly pictures: string | null;
  readonly success: readonly boolean[];
  /** What the net says of the adversarial image. */
  readonly class: readonly number[];
  readonly norms: Readonly<Record<Norm, readonly number[]>>;
  /** Controls are no attacks: they do not say how far charts go. */
  readonly control: boolean;
}

export interface StudyImages {
  readonly index: readonly number[];
  /** Of their pictures, where they have one. */
  readonly name: readonly (string | null)[];
  readonly label: readonly number[];
  readonly cells: readonly StudyCell[];
}

export interface PageColumn {
  readonly name: string;
  readonly numeric: boolean;
}

export type PageCell = { readonly text: string; readonly value: number | string | null };

/** A chart as numbers, which the page draws and answers to. */
export type PageChart =
  | {
      readonly kind: 'lines';
      readonly title: string;
      readonly note: string;
      readonly x: string;
      readonly y: string;
      readonly percent: boolean;
      readonly series: readonly {
        readonly name: string;
        readonly points: readonly { x: number; y: number; low?: number; high?: number }[];
      }[];
      /** Names at the places 0, 1, 2… of the horizontal axis. */
      readonly places?: readonly string[];
    }
  | {
      readonly kind: 'heat';
      readonly title: string;
      readonly note: string;
      readonly x: string;
      readonly y: string;
      readonly rows: readonly string[];
      readonly columns: readonly string[];
      readonly values: readonly (readonly (number | null)[])[];
      readonly percent: boolean;
    }
  | {
      readonly kind: 'bars';
      readonly title: string;
      readonly note: string;
      readonly y: string;
      readonly names: readonly string[];
      readonly percent: boolean;
      readonly series: readonly {
        readonly name: string;
        readonly bars: readonly ({ value: number; low?: number; high?: number } | null)[];
      }[];
    };

export interface StudyPage {
  readonly kind: 'study';
  readonly command: string;
  readonly title: string;
  readonly subtitle: string;
  readonly classes: readonly string[];
  readonly inputSize: readonly [height: number, width: number];
  readonly norm: Norm;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
  readonly columns: readonly PageColumn[];
  readonly rows: readonly (readonly PageCell[])[];
  readonly charts: readonly PageChart[];
  /** Null where no attacks are compared. */
  readonly images: StudyImages | null;
  readonly facts: readonly FactGroup[];
  readonly files: readonly FileLink[];
}

export type PageData = RunPage | StudyPage;

export function columnsOf(rows: readonly object[]): Columns {
  const keys = Object.keys(rows[0] ?? {});
  return Object.fromEntries(keys.map((key) => [key, rows.map((row) => row[key as keyof typeof row])]));
}

/** The other way. The caller knows what the rows are. */
export function rowsOf<T>(columns: Columns): T[] {
  const entries = Object.entries(columns);
  const length = entries[0]?.[1].length ?? 0;
  return Array.from(
    { length },
    (_, i) => Object.fromEntries(entries.map(([key, values]) => [key, values[i]])) as T,
  );
}
