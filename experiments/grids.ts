/** Images beside each other as a figure: what methods do to them (Fig. 4 and 6 of the paper), and what explanations show of them. */
import { join } from 'node:path';
import type { Image } from '../data/rgb.js';
import { type GridCell, imageGrid, stackCharts } from '../report/charts.js';
import { explanationPicture, perturbationPicture, upscale } from '../report/pictures.js';
import { type Named, type PictureKind, pictureName } from '../report/run-files.js';
import type { Services } from '../run/services.js';
import { type Cell, cellTitle } from './cells.js';

/** Of a figure: more are not read. */
const ROWS = 6;
const COLUMNS = 8;

/** Cells of each net, of which the first `COLUMNS` are shown. */
export async function attackGrid(
  nets: readonly (readonly Cell[])[],
  services: Services,
): Promise<string | undefined> {
  const grids: string[] = [];
  for (const cells of nets) {
    const grid = await netGrid(cells.slice(0, COLUMNS), services);
    if (grid !== undefined) grids.push(grid);
  }
  return grids.length === 0 ? undefined : stackCharts(grids);
}

/**
 * Two rows an image: the original and what each method made of it, with the class that the net sees and the l2; below, the map with the CFR's
 * outline, and the perturbations, amplified each as far as it fits around grey.
 */
async function netGrid(cells: readonly Cell[], services: Services): Promise<string | undefined> {
  const { model } = cells[0]!.net;
  const images = cells[0]!.results.slice(0, ROWS);
  if (images.length === 0) return undefined;
  const read = ({ folder }: Cell, kind: PictureKind, image: Named) =>
    services.readImage(join(folder, pictureName(kind, image)));
  // The map is the same for all that explain alike; the attack of this program is the one that it is made for.
  const mapped = cells.find(({ method }) => method.name === 'cfr') ?? cells[0]!;
  const rows: { name: string; cells: GridCell[] }[] = [];
  for (const [i, line] of images.entries()) {
    const clean = await read(mapped, 'clean', line);
    const overlay = await read(mapped, 'overlay', line);
    const factor = overlay.width / clean.width;
    const first = mapped.results[i]!;
    const above: GridCell[] = [{ image: upscale(clean, factor), caption: model.labels[first.label]! }];
    const below: GridCell[] = [{ image: overlay, caption: String(mapped.settings.explanation) }];
    for (const cell of cells) {
      const result = cell.results[i]!;
      const adversarial = await read(cell, 'adversarial', line);
      const { image, amplification } = perturbationPicture(clean, adversarial);
      const seen = model.labels[result.adversarial.class]!;
      above.push({
        image: upscale(adversarial, factor),
        caption: `${seen}${result.success ? '' : ' (fails)'}, l2 ${result.l2.toFixed(2)}`,
      });
      below.push({ image: upscale(image, factor), caption: `×${amplification}` });
    }
    rows.push({ name: line.name ?? `image ${line.index}`, cells: above }, { name: '', cells: below });
  }
  return imageGrid({
    title: `Adversarial images on ${model.name}`,
    of: 'images',
    note: 'below each: map and CFR of the original; perturbation, amplified as said, grey is none',
    columns: ['original', ...cells.map(cellTitle)],
    rows,
  });
}

/** One explanation of one image. */
export interface ShownMap {
  readonly index: number;
  readonly explanation: string;
  /** Of the class that is explained. */
  readonly explained: string;
  readonly image: Image;
  readonly cam: Float32Array;
  readonly mask: Float32Array;
  /** Of the CFR; 0 where there is none. */
  readonly pixels: number;
}

/** A row an image, a column an explanation: the map as heat, the CFR outlined. */
export function explanationGrid(net: string, maps: readonly ShownMap[]): string {
  const names = [...new Set(maps.map(({ explanation }) => explanation))];
  const indices = [...new Set(maps.map(({ index }) => index))];
  const rows = indices.map((index) => {
    const own = maps.filter((map) => map.index === index);
    const { image, explained } = own[0]!;
    const factor = Math.max(1, Math.round(112 / image.width));
    return {
      name: `image ${index}`,
      cells: [
        { image: upscale(image, factor), caption: explained },
        ...own.map(({ cam, mask, pixels }) => ({
          // Where nothing speaks for the class the mask is the whole image, which has no outline.
          image: explanationPicture(image, cam, mask, factor),
          caption: pixels === 0 ? 'no evidence' : `CFR ${Math.round((100 * pixels) / cam.length)} %`,
        })),
      ],
    };
  });
  return imageGrid({
    title: `Explanations of ${net}`,
    of: 'images',
    note: 'map as heat; white: the CFR',
    columns: ['original', ...names],
    rows,
  });
}
