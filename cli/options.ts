/**
 * The options that commands share, and the parsing of their values. A wrong value is a `UserError` that names the option,
 * what it takes and what it got, so that every command words mistakes alike.
 */
import { type Command, Option } from 'commander';
import { UserError } from '../base/errors.js';
import { suggestion } from '../base/suggestion.js';
import type { DataOptions, Triple } from '../run/options.js';
import { OVERLAY_SIZES, type OverlaySize } from '../run/photos.js';

export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The net that commands use unless told otherwise; its weights are part of the package. */
export const defaultModel = 'resnet18-cifar10';

export function addNetOptions(command: Command): Command {
  return command
    .addOption(
      new Option('-m, --model <name>', `a registered net (default: ${defaultModel})`)
        .helpGroup('Net:')
        .conflicts('weights'),
    )
    .addOption(
      new Option(
        '-w, --weights <file>',
        'a state dict: .safetensors, .pth, .pt, .th; its architecture is recognised',
      ).helpGroup('Net:'),
    )
    .addOption(
      new Option(
        '--arch <name>',
        'architecture, where it cannot be recognised (resnet50, vgg16_bn, resnet20…)',
      ).helpGroup('Net:'),
    )
    .addOption(
      value('--mean <r,g,b>', 'normalisation of the pixels, in [0,1] units', triple('--mean')).helpGroup(
        'Net:',
      ),
    )
    .addOption(
      value('--std <r,g,b>', 'its standard deviations', triple('--std', { above: 0 })).helpGroup('Net:'),
    )
    .addOption(
      value(
        '--input-size <H[xW]>',
        'height and width of its images (default: by net and images)',
        inputSize,
      ).helpGroup('Net:'),
    )
    .addOption(
      new Option('--stem-pool', 'a max-pool behind the stem (default: behind 7x7 stems)').helpGroup('Net:'),
    )
    .addOption(new Option('--no-stem-pool', 'none').helpGroup('Net:'))
    .addOption(
      value(
        '--stem-stride <stride>',
        'of the first convolution (default: 2 where it is 7x7, else 1)',
        integer('--stem-stride', { min: 1, max: 4 }),
      ).helpGroup('Net:'),
    )
    .addOption(
      new Option('--last-pool', "a max-pool behind a VGG's last convolution (default)").helpGroup('Net:'),
    )
    .addOption(new Option('--no-last-pool', 'none: its output is averaged').helpGroup('Net:'))
    .addOption(
      choice('--shortcut <kind>', 'of blocks whose files do not tell: see docs/nets.md', [
        'A',
        'A-end',
        'raw',
        'activated',
      ]).helpGroup('Net:'),
    )
    .addOption(
      new Option(
        '--prefix <name>',
        "which of a file's nets: what the names of its tensors begin with",
      ).helpGroup('Net:'),
    )
    .addOption(
      new Option('--ignore-extra', "leave out tensors outside of the net's layers").helpGroup('Net:'),
    );
}

export function addDataOptions(command: Command, options: { label: boolean }): Command {
  command.addOption(
    new Option(
      '-d, --dataset <data>',
      'cifar10[:DIR], cifar10-sample (in the package), cifar100:DIR, imagenet:DIR, imagefolder:DIR, csv:FILE or npz:FILE',
    ).helpGroup('Images:'),
  );
  if (options.label) {
    command.addOption(
      new Option(
        '--label <class>',
        "true class of the image files, index or name (default: the net's own prediction)",
      ).helpGroup('Images:'),
    );
  }
  return command
    .addOption(
      value('--limit <count>', 'at most so many images', integer('--limit', { min: 1 })).helpGroup('Images:'),
    )
    .addOption(
      value('--offset <index>', 'start at this image', integer('--offset', { min: 0 }))
        .default(0)
        .helpGroup('Images:'),
    )
    .addOption(
      choice('--preprocess <mode>', 'how an image becomes the size of the net', [
        'auto',
        'none',
        'resize',
        'crop',
      ])
        .default('auto')
        .helpGroup('Images:'),
    )
    .addOption(
      value(
        '--batch <count>',
        'images at a time (default: by net and adapter)',
        integer('--batch', { min: 1, max: 4096 }),
      ).helpGroup('Images:'),
    );
}

/** @param device of a command that needs none: false */
export function addOutputOptions(command: Command, { device = true } = {}): Command {
  if (device)
    command.addOption(
      new Option(
        '--adapter <name>',
        'gpu, lavapipe, swiftshader, or a part of a name (default: CFR_ADAPTER, or the best there is)',
      ).helpGroup('Device:'),
    );
  return command
    .addOption(
      new Option('--json', 'print one JSON document on stdout, and nothing else there').helpGroup('Output:'),
    )
    .addOption(new Option('-q, --quiet', 'no notes and no progress on stderr').helpGroup('Output:'));
}

/** Of commands that work in a folder which others may reach. */
export function takeOverOption(): Option {
  return new Option(
    '--take-over',
    'go on where a process on another machine worked, if it gives no sign of life',
  ).helpGroup('Output:');
}

export const imagesArgument = '[images...]';
export const imagesHelp =
  'PNG, JPEG, WebP, PPM or PGM files, folders of them, globs, or - for standard input';

/** Of commands that draw on images. */
export function overlaySizeOption(alsoAdversarial: boolean): Option {
  const also = alsoAdversarial ? ', with an adversarial photo of full size where one can be made' : '';
  return choice(
    '--overlay-size <size>',
    `overlays in the pixels of the net's input, or on the original photo${also} (default: original for image files, net for data sets)`,
    OVERLAY_SIZES,
  ).helpGroup('Output:');
}

/** Photos are few, and looked at; data sets are not. */
export function overlaySizeOf(options: DataOptions & { readonly overlaySize?: OverlaySize }): OverlaySize {
  return options.overlaySize ?? (options.dataset === undefined ? 'original' : 'net');
}

export const singleFileHelp = 'report.html holds its pictures, to be sent on alone';

/** An option whose value `parse` checks. */
export function value<T>(flags: string, description: string, parse: (text: string) => T): Option {
  return new Option(flags, description).argParser(parse);
}

/** An option that takes one of `values`. */
export function choice(flags: string, description: string, values: readonly string[]): Option {
  const name = flags.split(' ')[0] ?? flags;
  const option = new Option(flags, description).choices(values);
  return option.argParser((text: string) => {
    if (!values.includes(text))
      throw new UserError(`${name}: expected ${list(values)}, got "${text}"${suggestion(text, values)}`);
    return text;
  });
}

/** Parser of a whole number in [min, max]. */
export function integer(
  name: string,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number },
): (text: string) => number {
  return (text) => {
    const number = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= min && number <= max)) {
      const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
      throw new UserError(`${name}: expected a whole number ${range}, got "${text}"`);
    }
    return number;
  };
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
  /** Like `min`, but itself excluded. */
  readonly above?: number;
  /** What to say instead of the range. */
  readonly expected?: string;
}

/** Parser of a finite number in a range; `8/255` is understood. */
export function real(name: string, range: Range = {}): (text: string) => number {
  return (text) => {
    const number = numberOf(text);
    if (!inRange(number, range)) throw new UserError(`${name}: expected ${rangeText(range)}, got "${text}"`);
    return number;
  };
}

/** Parser of three numbers, `r,g,b`. */
export function triple(name: string, range: Range = {}): (text: string) => Triple {
  return (text) => {
    const [red, green, blue, ...more] = text.split(',').map(numberOf);
    if (
      more.length > 0 ||
      red === undefined ||
      green === undefined ||
      blue === undefined ||
      ![red, green, blue].every((v) => inRange(v, range))
    ) {
      throw new UserError(
        `${name}: expected three numbers r,g,b${range.above === 0 ? ' above 0' : ''}, got "${text}"`,
      );
    }
    return [red, green, blue];
  };
}

/** Parser of `64` or `64x96`, height first. */
export function inputSize(text: string): [height: number, width: number] {
  const [, height, width = height] = /^(\d+)(?:x(\d+))?$/.exec(text.trim()) ?? [];
  const size = [Number(height), Number(width)] as [number, number];
  if (!size.every((extent) => extent >= 8 && extent <= 4096)) {
    throw new UserError(`--input-size: expected H or HxW from 8 to 4096, got "${text}"`);
  }
  return size;
}

function numberOf(text: string): number {
  const parts = text.trim().split('/');
  if (parts.length > 2 || parts.some((part) => part.trim() === '')) return Number.NaN;
  const [numerator, denominator] = parts.map(Number);
  return (numerator ?? Number.NaN) / (denominator ?? 1);
}

function inRange(number: number, { min = -Infinity, max = Infinity, above = -Infinity }: Range): boolean {
  return Number.isFinite(number) && number >= min && number <= max && number > above;
}

function rangeText({ min, max, above, expected }: Range): string {
  if (expected !== undefined) return expected;
  const low = above !== undefined ? `above ${above}` : min !== undefined ? `of at least ${min}` : undefined;
  if (max !== undefined)
    return low === undefined ? `a number up to ${max}` : `a number ${low} and at most ${max}`;
  return low === undefined ? 'a number' : `a number ${low}`;
}

function list(values: readonly string[]): string {
  return values.length < 2 ? `"${values[0] ?? ''}"` : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
