/**
 * `npm run bench:peers`: the same work by this engine and by others, side by side in one run; values compared, then timed.
 * Each does its work in a process of its own, and only one of them works at a time. See README.md beside this file.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compareWithPeer } from './compare.mjs';
import { bundleOurs, installPeers } from './install.mjs';
import { listPeers } from './peers.mjs';
import { Worker } from './process.mjs';
import { lineOf, TABLE_HEAD } from './report.mjs';

const HELP = `node bench/peers/run.mjs [options]
  --only NAME,...       these peers only
  --units TEXT,...      only work whose name contains one of these ("conv", "ResNet-18 gradient", ...)
  --batch N             images at once of the nets (default 8)
  --threads N           threads of the CPU peers (default: all cores)
  --python PATH         a Python with torch (or the variable CFR_PEERS_PYTHON)
  --attack N            also the minimal attack on N images, against PyTorch (default: 1000 on a GPU, none on a CPU)
  --attack-batch N      images at once of the attack (default 250)
  --iterations N        steps of the attack (default 30)
  --quick               fewer and shorter rounds
  --deterministic       our built-in choice of kernels, not this machine's tuned one
  --json FILE           write the records`;

const number = (text, name) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`--${name}: expected an integer of at least 1, got "${text}"`);
  return value;
};

class UsageError extends Error {}

async function main() {
  const options = readOptions();
  if (!options) return;
  const bundles = await bundleOurs();
  const peers = choosePeers(options, listPeers({ ...options, dawn: bundles.dawn }));
  const npm = peers.some(({ needs }) => needs === 'npm') ? installPeers() : undefined;

  const folder = mkdtempSync(join(tmpdir(), 'cfr-peers-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  const ours = new Worker(process.execPath, [bundles.ours]);
  try {
    const { adapter } = await ours.ask({ do: 'open', deterministic: options.deterministic });
    console.log(`${adapter.name}, ${adapter.driver}${adapter.software ? ' (CPU)' : ''}`);
    const images = options.attack ?? (adapter.software ? 0 : 1000);
    const attack =
      images > 0
        ? { images, batch: Math.min(images, options.attackBatch), iterations: options.iterations }
        : undefined;
    const { units } = await ours.ask({
      do: 'plan',
      folder,
      batch: options.batch,
      ...(attack ? { attack } : {}),
    });
    const wanted = units.filter(
      ({ id }) => options.units.length === 0 || options.units.some((text) => id.includes(text)),
    );
    if (wanted.length === 0)
      throw new UsageError(`--units: expected a part of one of: ${units.map(({ id }) => id).join(', ')}`);

    const records = [];
    for (const peer of peers) {
      console.log(`\n${peer.name}: ${peer.says}`);
      const missing = missingFor(peer, npm, adapter);
      if (missing) {
        console.log(`  not run: ${missing}`);
        records.push({ peer: peer.name, skipped: missing });
        continue;
      }
      const ceilings = await ours.ask({ do: 'ceilings' });
      console.log(
        `  our ceiling: multiply-add ${ceilings.fmaGflops.toFixed(1)} GFLOP/s, copy ${ceilings.copyGBs.toFixed(1)} GB/s`,
      );
      let head = false;
      const report = (record) => {
        records.push({ ...record, ceilings });
        if (!head && !record.skipped) console.log(TABLE_HEAD);
        head ||= !record.skipped;
        console.log(lineOf(record, ceilings));
      };
      await compareWithPeer({ ours, peer, units: wanted, folder, quick: options.quick, report });
    }
    if (options.json) {
      const date = new Date().toISOString().slice(0, 10);
      writeFileSync(
        options.json,
        `${JSON.stringify({ date, adapter, threads: options.threads, records }, null, 2)}\n`,
      );
    }
  } finally {
    await ours.close();
  }
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      units: { type: 'string' },
      batch: { type: 'string', default: '8' },
      threads: { type: 'string', default: `${availableParallelism()}` },
      python: { type: 'string', default: process.env.CFR_PEERS_PYTHON ?? '' },
      attack: { type: 'string' },
      'attack-batch': { type: 'string', default: '250' },
      iterations: { type: 'string', default: '30' },
      quick: { type: 'boolean', default: false },
      deterministic: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  const list = (text) => (text ? text.split(',').map((part) => part.trim()) : []);
  return {
    only: list(values.only),
    units: list(values.units),
    batch: number(values.batch, 'batch'),
    threads: number(values.threads, 'threads'),
    python: values.python || undefined,
    attack: values.attack === undefined ? undefined : number(values.attack, 'attack'),
    attackBatch: number(values['attack-batch'], 'attack-batch'),
    iterations: number(values.iterations, 'iterations'),
    quick: values.quick,
    deterministic: values.deterministic,
    json: values.json && resolve(values.json),
  };
}

function choosePeers({ only }, peers) {
  const names = peers.map(({ name }) => name);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new UsageError(`--only: expected of ${names.join(', ')}, got "${unknown.join(', ')}"`);
  return only.length === 0 ? peers : peers.filter(({ name }) => only.includes(name));
}

/** Why a peer can't be run, or undefined. */
function missingFor(peer, npm, adapter) {
  if (peer.needs === 'npm') return npm?.failure;
  if (!peer.command)
    return 'no Python is given; say --python PATH or set CFR_PEERS_PYTHON (with torch installed there)';
  if (peer.gpuOnly && adapter.software) return 'our side would run on the CPU; it is for machines with a GPU';
  return undefined;
}

try {
  await main();
} catch (error) {
  const usage = error instanceof UsageError || String(error.code).startsWith('ERR_PARSE_ARGS');
  console.error(`bench:peers: ${error.message}${usage ? '; see --help' : ''}`);
  process.exitCode = usage ? 2 : 1;
}
