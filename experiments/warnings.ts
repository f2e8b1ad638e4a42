/**
 * Signs that an evaluation cannot be trusted, told from results alone (Carlini et al. 2019, On Evaluating Adversarial Robustness; Pintor et al. 2022,
 * Indicators of Attack Failure).
 */
import { STEP_SETTINGS } from '../attack/cost.js';
import type { Norm } from '../attack/settings/common.js';
import type { AttackSettings, Kind } from '../attack/traits.js';
import type { ImageResult } from '../report/run-files.js';

/** A share of images from which on a sign is told. */
const MANY = 0.05;
/** One image may be chance. */
const FEWEST = 2;

/** What is judged of a cell. */
export interface JudgedCell {
  readonly name: string;
  readonly title: string;
  readonly net: string;
  readonly method: string;
  readonly blackBox: boolean;
  readonly kind: Kind;
  readonly norm: Norm;
  readonly settings: AttackSettings;
  /** The same images in the same order in all cells of a net. */
  readonly results: readonly ImageResult[];
}

export interface Warning {
  readonly sign:
    | 'black-box beats white-box'
    | 'more steps fool fewer'
    | 'lost by rounding'
    | 'unchanged images';
  /** Names of the cells. */
  readonly cells: readonly string[];
  readonly text: string;
}

export function warningsOf(cells: readonly JudgedCell[]): Warning[] {
  return [
    ...cells.flatMap((cell) => blackBoxBeats(cell, cells)),
    ...cells.flatMap((cell) => fewerWithMoreSteps(cell, cells)),
    ...cells.flatMap(lostByRounding),
    ...cells.flatMap(unchanged),
  ];
}

/** A method without gradients finds more than each that has them, within the size that it is allowed itself: the gradients mislead. */
function blackBoxBeats(cell: JudgedCell, cells: readonly JudgedCell[]): Warning[] {
  if (!cell.blackBox) return [];
  const peers = cells.filter(
    (other) =>
      !other.blackBox &&
      other.net === cell.net &&
      other.settings.region === cell.settings.region &&
      other.norm === cell.norm,
  );
  if (peers.length === 0) return [];
  const most = cell.settings.epsilon;
  const within = ({ success, [cell.norm]: size }: ImageResult) =>
    success && (typeof most !== 'number' || size <= most * (1 + 1e-9));
  const own = cell.results.filter(within).length;
  const counts = peers.map((other) => other.results.filter(within).length);
  const best = Math.max(...counts);
  if (own < best + FEWEST) return [];
  const rival = peers[counts.indexOf(best)]!;
  return [
    {
      sign: 'black-box beats white-box',
      cells: [cell.name, rival.name],
      text: `${cell.net}: ${cell.title}, which sees no gradients, fools ${own} images, ${rival.title} only ${best}: gradients of this net mislead, or the methods that use them are set badly`,
    },
  ];
}

/** The same but for a larger number of steps, and yet it fools fewer. */
function fewerWithMoreSteps(cell: JudgedCell, cells: readonly JudgedCell[]): Warning[] {
  return STEP_SETTINGS.flatMap((name) => {
    const steps = cell.settings[name];
    if (typeof steps !== 'number') return [];
    const others = cells.filter(
      (other) =>
        other.net === cell.net &&
        other.method === cell.method &&
        Number(other.settings[name]) > steps &&
        equalBut(name, cell.settings, other.settings),
    );
    const fooled = ({ results }: JudgedCell) => results.filter(({ success }) => success).length;
    return others
      .filter((other) => fooled(cell) - fooled(other) >= Math.max(FEWEST, MANY * cell.results.length))
      .map(
        (other): Warning => ({
          sign: 'more steps fool fewer',
          cells: [cell.name, other.name],
          text: `${cell.net}: ${cell.method} fools ${fooled(cell)} images with ${name} ${steps} and ${fooled(other)} with ${other.settings[name]}: it does not converge; its step sizes do not fit`,
        }),
      );
  });
}

function equalBut(name: string, one: AttackSettings, other: AttackSettings): boolean {
  // What follows from the number of steps differs with it.
  const names = Object.keys({ ...one, ...other }).filter((key) => key !== name && key !== 'alpha');
  return names.every((key) => one[key] === other[key]);
}

/** It fooled, and no longer does as an 8-bit image. */
function lostByRounding(cell: JudgedCell): Warning[] {
  const lost = cell.results.filter(({ float, success }) => float !== null && !success).length;
  if (!isMany(lost, cell.results)) return [];
  return [
    {
      sign: 'lost by rounding',
      cells: [cell.name],
      text: `${cell.net}: ${cell.title} fooled ${lost} of ${cell.results.length} images whose 8-bit form fools no longer: figures from before rounding would be too good (rounding loop, where the method has it)`,
    },
  ];
}

/** An attack that takes all it may left images as they are: their gradients are zero. */
function unchanged(cell: JudgedCell): Warning[] {
  if (cell.blackBox || cell.kind !== 'budget') return [];
  const still = cell.results.filter(({ l0, regionPixels }) => l0 === 0 && regionPixels > 0).length;
  if (!isMany(still, cell.results)) return [];
  return [
    {
      sign: 'unchanged images',
      cells: [cell.name],
      text: `${cell.net}: ${cell.title} left ${still} of ${cell.results.length} images unchanged: gradients that are zero (saturated or masked) say nothing of robustness`,
    },
  ];
}

function isMany(count: number, results: readonly unknown[]): boolean {
  return count >= FEWEST && count >= MANY * results.length;
}
