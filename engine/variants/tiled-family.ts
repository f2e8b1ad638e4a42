/**
 * The variants that every tiled kernel has: one per tile over the whole sum, some with the sum split, one in f16; and the choice among them for
 * a GPU that has not been measured.
 */
import type { DeviceTraits, Lowering, Variant } from '../dispatch.js';
import {
  ALL_TILES,
  chooseTile,
  type Extent,
  fits,
  gridOf,
  splitFactor,
  type Tile,
  threadsOf,
} from './tiled-tile.js';

/** How a tiled kernel runs: its tile, the parts of k, and whether tiles and weights are f16 (sums never are). */
export interface Way {
  /** Of the variant: `tiled-64x64-split`. */
  readonly name: string;
  readonly tile: Tile;
  readonly split: number;
  readonly f16: boolean;
}

export interface Family<P, IO> {
  extent(problem: P): Extent;
  /** Bytes of workgroup memory. */
  storage(problem: P, way: Way): number;
  /** Bytes of what the kernel allocates beside the operands and partial sums: packed weights. */
  packed(problem: P, way: Way): number;
  /** Bytes of the output. */
  output(problem: P): number;
  lower(problem: P, io: IO, ctx: Lowering, way: Way): void;
  /** The tiles that also come with a split sum. */
  readonly splitTiles: readonly Tile[];
}

function runs<P, IO>(family: Family<P, IO>, problem: P, device: DeviceTraits, way: Way): boolean {
  return (
    (!way.f16 || device.features.has('shader-f16')) &&
    fits(
      device,
      threadsOf(way.tile),
      family.storage(problem, way),
      gridOf(way.tile, family.extent(problem), way.split),
      [family.packed(problem, way), way.split > 1 ? family.output(problem) * way.split : 0],
    )
  );
}

function whole(tile: Tile): Way {
  return { name: `tiled-${tile.name}`, tile, split: 1, f16: false };
}

function inParts(tile: Tile, split: number): Way {
  return split === 1 ? whole(tile) : { name: `tiled-${tile.name}-split`, tile, split, f16: false };
}

/** The variants of a family: whole tiles, split tiles, f16. */
export function tiledVariants<P, IO>(family: Family<P, IO>): readonly Variant<P, IO>[] {
  const variant = (
    name: string,
    wayOf: (problem: P, device: DeviceTraits) => Way | undefined,
  ): Variant<P, IO> => ({
    name,
    madeFor: 'gpu',
    supports(problem, device) {
      const way = wayOf(problem, device);
      return way !== undefined && runs(family, problem, device, way);
    },
    lower: (problem, io, ctx) => family.lower(problem, io, ctx, wayOf(problem, ctx.device)!),
  });
  const half = (tile: Tile, split: number): Way => ({ name: 'tiled-f16', tile, split, f16: true });
  return [
    ...ALL_TILES.map((tile) => variant(whole(tile).name, () => whole(tile))),
    ...family.splitTiles.map((tile) =>
      variant(inParts(tile, 2).name, (problem) => {
        const split = splitFactor(tile, family.extent(problem));
        return split > 1 ? inParts(tile, split) : undefined;
      }),
    ),
    {
      // About three decimal digits.
      ...variant('tiled-f16', (problem, device) => {
        const best = chooseTile(family.extent(problem), (tile, split) =>
          runs(family, problem, device, half(tile, split)),
        );
        return best && half(best.tile, best.split);
      }),
      precision: 'f16',
    },
  ];
}

/**
 * The variant with the least estimate among the whole and split tiles that the device runs. The estimate weighs idle units (few workgroups), idle
 * lanes (edges of large tiles) and the second pass of a split (`estimate` in tiled-tile.ts).
 */
export function chooseTiled<P, IO>(
  family: Family<P, IO>,
  variants: readonly Variant<P, IO>[],
  problem: P,
  device: DeviceTraits,
): Variant<P, IO> | undefined {
  const find = (tile: Tile, split: number) =>
    variants.find(({ name, supports }) => name === inParts(tile, split).name && supports(problem, device));
  const choice = chooseTile(family.extent(problem), (tile, split) => find(tile, split) !== undefined);
  return choice && find(choice.tile, choice.split);
}
