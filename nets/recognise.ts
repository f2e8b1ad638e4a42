/** Which net a file holds, from its tensors' names and shapes alone; everything that does not fit is named, everything assumed is told. */
import { UserError } from '../base/errors.js';
import type { HostTensor, StateDict } from '../weights/tensors.js';
import { type Assumption, assumptionsOf } from './assumptions.js';
import { type Differences, differences, differenceText } from './check.js';
import { complete } from './complete.js';
import { parameterNames } from './families.js';
import { groupOf } from './heads.js';
import { namedArchitecture, namedRgb, namedSize } from './metadata.js';
import { type CleanedNames, cleanNames, type Entries, listNames } from './names.js';
import { resnetReader } from './read-resnet.js';
import { vggReader } from './read-vgg.js';
import type { Reader } from './reader.js';
import { refuseByName } from './refusals.js';
import {
  ARCHITECTURES,
  architecture,
  makeSpec,
  type NamedArchitecture,
  type NetSpec,
  type Rgb,
  type Shortcut,
  type Size,
} from './spec.js';
import { matchStructure } from './structure.js';

/** What a file leaves open, said by its user; everything has a default. */
export interface RecogniseOptions {
  /** Settles an ambiguous file, and overrides what its metadata says. */
  readonly arch?: string;
  /** Normalisation. Default: a normaliser's buffers in the file, its metadata, the usual one of the form; each by itself. */
  readonly mean?: Rgb;
  /** As `mean`; deviations of [0,1] pixels. */
  readonly std?: Rgb;
  /** ResNets: a max-pool behind the stem. Default: behind a 7x7 stem. */
  readonly stemPool?: boolean;
  /** ResNets. Default: 2 for a 7x7 stem, else 1. */
  readonly stemStride?: number;
  /** VGGs: a max-pool behind the last stage. Default: as published, true. */
  readonly lastPool?: boolean;
  /** Default: A without shortcut tensors; pre-activation nets by their names, else `activated`. */
  readonly shortcut?: Shortcut;
  /** Default: what the head's width asks for, else 224x224 for a 7x7 stem, else 32x32. */
  readonly inputSize?: Size;
  /** Which of a file's nets: what its tensors' names begin with. */
  readonly prefix?: string;
  /** Leaves out tensors that are no part of the net. */
  readonly ignoreExtra?: boolean;
}

/** What a file's tensors were found to be. */
export interface RecognisedNet {
  /** The net. */
  readonly spec: NetSpec;
  /** Exactly the tensors of `parameterNames(spec)`, in its order. */
  readonly params: Map<string, HostTensor>;
  /** What the file does not say and was assumed. */
  readonly assumptions: readonly Assumption[];
}

/** A file read as a net of an architecture, fitting or not. */
interface Reading {
  readonly arch: string;
  readonly spec: NetSpec;
  readonly tensors: Entries;
  readonly differences: Differences;
  readonly notes: readonly string[];
  /** Other architectures that the structure is that of. */
  readonly fitting: readonly string[];
}

/**
 * @throws UserError where no known net fits, where several do (choose by `arch`), where the metadata names another
 * architecture, and where tensors are missing, unexpected or of the wrong shape
 */
export function recognise(weights: StateDict, options: RecogniseOptions = {}): RecognisedNet {
  const cleaned = cleanNames(weights, options.prefix);
  refuseByName(cleaned.entries, weights.source);
  const { reading, notes } = fittingReading(cleaned, weights, options);
  const { spec, tensors } = reading;
  const settled = {
    stemPool: options.stemPool !== undefined,
    stemStride: options.stemStride !== undefined,
    lastPool: options.lastPool !== undefined,
    shortcut: options.shortcut !== undefined || knownShortcut(cleaned.entries) !== undefined,
    inputSize: (options.inputSize ?? namedSize(weights)) !== undefined,
    mean: (options.mean ?? cleaned.mean ?? namedRgb(weights, 'mean')) !== undefined,
    std: (options.std ?? cleaned.std ?? namedRgb(weights, 'std')) !== undefined,
  };
  return {
    spec,
    params: new Map([...parameterNames(spec).keys()].map((name) => [name, tensors.get(name)!.tensor])),
    assumptions: [
      ...[...cleaned.notes, ...notes, ...reading.notes].map((text) => ({ text })),
      ...assumptionsOf(spec, settled),
    ],
  };
}

/** By names first, then by structure. */
function fittingReading(
  cleaned: CleanedNames,
  weights: StateDict,
  options: RecogniseOptions,
): { reading: Reading; notes: readonly string[] } {
  const { entries } = cleaned;
  const named = attempt(() => read(entries, cleaned, weights, options));
  if (fits(named)) return { reading: named, notes: [] };
  const renamed = matchStructure(entries);
  if (renamed) {
    const reading = attempt(() => read(renamed, cleaned, weights, options));
    if (fits(reading)) return { reading, notes: ['layers matched by structure, not by name'] };
    // The names are nobody's: what the structure lacks says more.
    if (named instanceof UserError) throw problem(reading, weights);
  }
  throw problem(named, weights);
}

function fits(reading: Reading | UserError): reading is Reading {
  return (
    !(reading instanceof UserError) && differenceText(reading.differences, reading.tensors) === undefined
  );
}

function attempt(make: () => Reading): Reading | UserError {
  try {
    return make();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

function problem(reading: Reading | UserError, { source }: StateDict): UserError {
  if (reading instanceof UserError) return reading;
  const { arch, spec, fitting, tensors } = reading;
  const found = reading.differences;
  const extraOnly = found.wrong.length === 0 && found.missing.length === 0;
  const advice =
    fitting.length > 0
      ? `the structure is that of ${fitting.join(' or ')}`
      : extraOnly
        ? 'is the file of this net? --ignore-extra leaves out what is no part of its layers'
        : 'is the file whole, and of this net?';
  return new UserError(
    `${source}: expected the tensors of ${arch} (${spec.form} form, ${spec.classes} classes), got ${differenceText(found, tensors)}; ${advice}`,
  );
}

function read(
  entries: Entries,
  cleaned: CleanedNames,
  weights: StateDict,
  options: RecogniseOptions,
): Reading {
  const reader = readerOf(entries, options.arch);
  const matches = reader.match(entries);
  const arch =
    options.arch === undefined
      ? chooseArchitecture(matches, reader.describe(entries), weights)
      : (matches.find(({ name }) => name === options.arch) ?? architecture(options.arch));
  const canonical = reader.canonical(entries, arch);
  const sizes = reader.sizes(canonical, arch, weights.source);
  const mean = options.mean ?? cleaned.mean ?? namedRgb(weights, 'mean');
  const std = options.std ?? cleaned.std ?? namedRgb(weights, 'std');
  const inputSize = options.inputSize ?? namedSize(weights);
  const shortcut =
    options.shortcut ?? (arch.family === 'preact' ? knownShortcut(cleaned.entries) : undefined);
  if (arch.family === 'vgg' && (options.stemPool !== undefined || options.stemStride !== undefined))
    throw new UserError(
      `${arch.name}: --stem-pool, --stem-stride: expected a ResNet, got a VGG; leave them out`,
    );
  if (arch.family !== 'vgg' && options.lastPool !== undefined)
    throw new UserError(`${arch.name}: --last-pool: expected a VGG, got a ResNet; leave it out`);
  if (
    options.shortcut !== undefined &&
    (arch.family === 'vgg' || arch.family === 'resnet' || sizes.shortcut === 'B')
  )
    throw new UserError(
      `${arch.name}: --shortcut: expected a net whose file does not tell its shortcuts, got one that needs no choice; leave it out`,
    );
  const asked = makeSpec(arch, {
    ...sizes,
    stem: {
      ...sizes.stem,
      ...(options.stemPool === undefined ? {} : { pool: options.stemPool }),
      ...(options.stemStride === undefined ? {} : { stride: options.stemStride }),
    },
    ...(options.lastPool === undefined ? {} : { lastPool: options.lastPool }),
    ...(shortcut ? { shortcut } : {}),
    ...(inputSize ? { inputSize } : {}),
    ...(mean ? { mean } : {}),
    ...(std ? { std } : {}),
  });
  const { spec, tensors, notes } = complete(asked, canonical);
  const found = differences(spec, tensors);
  const extra = options.ignoreExtra ? found.unexpected.filter((name) => isForeign(name, spec)) : [];
  const left = extra.map((name) => tensors.get(name)!.name);
  for (const name of extra) tensors.delete(name);
  return {
    arch: arch.name,
    spec,
    tensors,
    differences: { ...found, unexpected: found.unexpected.filter((name) => !extra.includes(name)) },
    notes: left.length > 0 ? [...notes, `left out ${listNames(left)} (--ignore-extra)`] : notes,
    fitting: matches.map(({ name }) => name).filter((name) => name !== arch.name),
  };
}

/** Whether a tensor lies outside of the net's own layers: what is inside would change what the net computes. */
function isForeign(name: string, spec: NetSpec): boolean {
  const own = new Set(
    [...parameterNames(spec).keys()].map((known) => groupOf(known.slice(0, known.lastIndexOf('.')))),
  );
  const layer = name.slice(0, name.lastIndexOf('.'));
  return !/^(?:layer\d+|features)\./.test(name) && !own.has(groupOf(layer)) && !own.has(layer);
}

/** The classes of pre-activation nets whose names are their own: bearpaw's projects what comes in, the wide ResNets' the first ReLU. */
function knownShortcut(entries: Entries): Shortcut | undefined {
  const names = [...entries.keys()];
  if (names.some((name) => name.endsWith('.convShortcut.weight'))) return 'activated';
  if (names.some((name) => /\.(?:downsample\.0|shortcut\.0\.bias)/.test(name))) return 'raw';
  return undefined;
}

function readerOf(entries: Entries, arch: string | undefined): Reader {
  const isVgg =
    arch === undefined
      ? [...entries.keys()].some((name) => name.startsWith('features.'))
      : architecture(arch).family === 'vgg';
  return isVgg ? vggReader : resnetReader;
}

/** The one architecture that the structure has; the metadata decides among several, and stands in for none. */
function chooseArchitecture(
  matches: readonly NamedArchitecture[],
  structure: string,
  weights: StateDict,
): NamedArchitecture {
  const { source } = weights;
  const named = namedArchitecture(weights);
  const [only, ...others] = matches;
  const names = matches.map(({ name }) => name);
  if (named !== undefined) {
    if (only !== undefined && !names.includes(named.name)) {
      throw new UserError(
        `${source}: expected the tensors of ${named.name} (metadata "architecture"), got those of ${names.join(' or ')} ` +
          `(${structure}); choose with --arch`,
      );
    }
    return named;
  }
  if (only === undefined) {
    throw new UserError(
      `${source}: expected the structure of a known net (${[...ARCHITECTURES.keys()].join(', ')}), got ${structure}; ` +
        '--arch NAME lists what differs from one of them',
    );
  }
  if (others.length > 0) {
    throw new UserError(
      `${source}: expected the tensors of one net, got a file that can be ${names.join(' or ')} (${structure}); choose with --arch`,
    );
  }
  return only;
}
