/** Which net a file holds, from its tensors' names and shapes alone; everything that does not fit is named. */
import { UserError } from '../base/errors.js';
import type { HostTensor, StateDict } from '../weights/state-dict.js';
import { differences } from './check.js';
import { parameterNames } from './families.js';
import { namedArchitecture, namedRgb } from './metadata.js';
import { cleanNames, type Entries } from './names.js';
import { resnetReader } from './read-resnet.js';
import { vggReader } from './read-vgg.js';
import type { Reader } from './reader.js';
import { ARCHITECTURES, architecture, makeSpec, type NetSpec, type Rgb } from './spec.js';

export interface RecogniseOptions {
  /** Settles an ambiguous file, and overrides what its metadata says. */
  readonly arch?: string;
  /** Normalisation. Default: a normaliser's buffers in the file, its metadata, the usual one of the form; each by itself. */
  readonly mean?: Rgb;
  readonly std?: Rgb;
}

export interface RecognisedNet {
  readonly spec: NetSpec;
  /** Exactly the tensors of `parameterNames(spec)`, in its order. */
  readonly params: Map<string, HostTensor>;
}

/**
 * @throws UserError where no known net fits, where several do (choose by `arch`), where the metadata names another
 * architecture, and where tensors are missing, unexpected or of the wrong shape
 */
export function recognise(weights: StateDict, options: RecogniseOptions = {}): RecognisedNet {
  const { source } = weights;
  const { entries, foreign, ...buffers } = cleanNames(weights);
  const reader = readerOf(entries, options.arch);
  const matches = reader.match(entries);
  const arch = options.arch ?? chooseArchitecture(matches, reader.describe(entries), weights);
  const tensors = reader.canonical(entries, arch);
  const mean = options.mean ?? buffers.mean ?? namedRgb(weights, 'mean');
  const std = options.std ?? buffers.std ?? namedRgb(weights, 'std');
  const spec = makeSpec(arch, {
    ...reader.sizes(tensors, arch, source),
    ...(mean ? { mean } : {}),
    ...(std ? { std } : {}),
  });

  const found = differences(spec, tensors, foreign);
  if (found !== undefined) {
    const fitting = matches.filter((match) => match !== arch);
    const advice =
      fitting.length > 0
        ? `the structure is that of ${fitting.join(' or ')}`
        : 'is the file whole, and of this net?';
    throw new UserError(
      `${source}: expected the tensors of ${arch} (${spec.form} form, ${spec.classes} classes), got ${found}; ${advice}`,
    );
  }
  return {
    spec,
    params: new Map([...parameterNames(spec).keys()].map((name) => [name, tensors.get(name)!.tensor])),
  };
}

function readerOf(entries: Entries, arch: string | undefined): Reader {
  const isVgg =
    arch === undefined
      ? [...entries.keys()].some((name) => name.startsWith('features.'))
      : architecture(arch).family === 'vgg';
  return isVgg ? vggReader : resnetReader;
}

/** The one architecture that the structure has; the metadata decides among several, and stands in for none. */
function chooseArchitecture(matches: readonly string[], structure: string, weights: StateDict): string {
  const { source } = weights;
  const named = namedArchitecture(weights);
  const [only, ...others] = matches;
  if (named !== undefined) {
    if (only !== undefined && !matches.includes(named)) {
      throw new UserError(
        `${source}: expected the tensors of ${named} (metadata "architecture"), got those of ${matches.join(' or ')} ` +
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
      `${source}: expected the tensors of one net, got a file that can be ${matches.join(' or ')} (${structure}); choose with --arch`,
    );
  }
  return only;
}
