/** `cfr models`: the nets that are known by name. */
import type { Command } from 'commander';
import { type Column, formatTable, percent } from '../../report/table.js';
import type { Services } from '../../run/services.js';
import { type RegisteredNet, registry } from '../../weights/registry.js';
import { localFile } from '../../weights/registry-files.js';
import { addOutputOptions, type OutputOptions } from '../options.js';

/** A net of the registry in the document that `--json` prints. */
export interface ModelDocument {
  readonly name: string;
  readonly arch: string;
  readonly dataset: string;
  readonly inputSize: number;
  /** Where its file is; null where it is fetched when first used. */
  readonly local: string | null;
  readonly url: string | null;
  /** Bytes. */
  readonly size: number;
  /** Top-1, a fraction of 1. */
  readonly accuracy: number;
  /** What made it robust, and its accuracy under PGD-20 at linf 8/255; null for nets that are not. */
  readonly training: string | null;
  readonly pgd20Accuracy: number | null;
  /** Of the whole file; torchvision gives the first digits only. */
  readonly sha256: string;
}

export function registerModels(program: Command, services: Services): void {
  addOutputOptions(program.command('models'))
    .description('The nets known by name: architecture, data, accuracy, what is here and what is fetched.')
    .addHelpText('after', '\nExamples:\n  cfr models\n  cfr models --json')
    .action((options: OutputOptions) => {
      const console = services.console.with(options);
      const models = registry.map(modelDocument);
      if (console.json) console.document(models);
      else console.say(formatTable(columns, models.map(modelRow), console));
    });
}

export function modelDocument(net: RegisteredNet): ModelDocument {
  const { name, arch, dataset, inputSize, size, accuracy, sha256 } = net;
  return {
    name,
    arch,
    dataset,
    inputSize,
    local: localFile(net) ?? null,
    url: net.url ?? null,
    size,
    accuracy,
    training: net.robust?.training ?? null,
    pgd20Accuracy: net.robust?.pgd20Accuracy ?? null,
    sha256,
  };
}

function modelRow({ local, size, sha256, ...model }: ModelDocument) {
  return {
    ...model,
    local: local === null ? 'fetched when used' : 'yes',
    size: `${(size / 2 ** 20).toFixed(1)} MiB`,
    sha256: sha256.slice(0, 12),
  };
}

const columns: readonly Column[] = [
  { key: 'name', header: 'model' },
  { key: 'arch' },
  { key: 'dataset', header: 'data' },
  { key: 'accuracy', format: percent(2) },
  { key: 'training', header: 'robust by' },
  { key: 'pgd20Accuracy', header: 'under PGD-20', format: percent(2) },
  { key: 'size' },
  { key: 'local', header: 'here' },
  { key: 'sha256' },
];
