/** The grammar of residual blocks over a row of convolutions: what belongs to which block follows from kernels and channels. */

export interface Conv {
  /** The layer's name in the file. */
  readonly path: string;
  readonly outputs: number;
  readonly inputs: number;
  readonly kernel: number;
}

export interface Block {
  readonly branch: readonly Conv[];
  readonly shortcut?: Conv;
  readonly outputs: number;
}

/** Where a file has a block's projection: in front of its branch or behind. */
type Place = 'before' | 'after';

/** Blocks of one kind that use up all convolutions, `channels` going into the first; undefined where there are none such. */
export function parseBlocks(convs: readonly Conv[], channels: number): Block[] | undefined {
  for (const kernels of [
    [3, 3],
    [1, 3, 1],
  ]) {
    for (const place of ['after', 'before'] as const) {
      const blocks = parse(convs, channels, kernels, place);
      if (blocks) return blocks;
    }
  }
  return undefined;
}

function parse(
  convs: readonly Conv[],
  channels: number,
  kernels: readonly number[],
  place: Place,
): Block[] | undefined {
  const blocks: Block[] = [];
  let inputs = channels;
  let at = 0;
  while (at < convs.length) {
    const first = place === 'before' ? blockAt(convs, at + 1, inputs, kernels) : undefined;
    const early = first && projects(convs[at], inputs, first.at(-1)!.outputs) ? convs[at] : undefined;
    const branch: Conv[] | undefined = early ? first : blockAt(convs, at, inputs, kernels);
    if (!branch) return undefined;
    const outputs = branch.at(-1)!.outputs;
    at += branch.length + Number(early !== undefined);
    const late = place === 'after' && isShortcut(convs, at, inputs, outputs, kernels) ? convs[at] : undefined;
    if (late) at++;
    const shortcut = early ?? late;
    if (kernels.length === 3 && inputs !== outputs && !shortcut) return undefined;
    blocks.push({ branch, ...(shortcut ? { shortcut } : {}), outputs });
    inputs = outputs;
  }
  return blocks.length > 0 ? blocks : undefined;
}

/** The branch that begins at a place: its convolutions follow one another, the inner ones of one width. */
function blockAt(
  convs: readonly Conv[],
  at: number,
  inputs: number,
  kernels: readonly number[],
): Conv[] | undefined {
  const branch = convs.slice(at, at + kernels.length);
  const fits =
    branch.length === kernels.length &&
    branch.every(
      ({ kernel, inputs: wanted, outputs }, k) =>
        kernel === kernels[k] &&
        wanted === (k === 0 ? inputs : branch[k - 1]!.outputs) &&
        (k === kernels.length - 1 || outputs === branch[0]!.outputs),
    );
  if (!fits) return undefined;
  return kernels.length === 2 && branch[0]!.outputs !== branch[1]!.outputs ? undefined : branch;
}

function projects(conv: Conv | undefined, inputs: number, outputs: number): boolean {
  return conv?.kernel === 1 && conv.inputs === inputs && conv.outputs === outputs;
}

/** A projection behind its branch; a bottleneck's own first 1x1 that looks the same is followed by a 3x3. */
function isShortcut(
  convs: readonly Conv[],
  at: number,
  inputs: number,
  outputs: number,
  kernels: readonly number[],
): boolean {
  if (!projects(convs[at], inputs, outputs)) return false;
  return kernels.length === 2 || inputs !== outputs || convs[at + 1]?.kernel !== 3;
}
