/** One peer against ours, unit by unit: values first, then rounds in turn (ours, peer, ours, peer). */
import { setTimeout } from 'node:timers/promises';
import { Worker } from './process.mjs';
import { readTensor } from './worker.mjs';

const ROUNDS = { full: 7, quick: 3 };
/** Wall time of one sample, in ms; the work is repeated to fill it. */
const SAMPLE_MS = { full: 250, quick: 80 };
/** Between samples: a thread pool that has just worked may still be spinning. */
const PAUSE_MS = 20;
/** Attacks have no fixed values: one flipped decision sends an image another way. So the outcome of many is compared. */
const ATTACK_TOLERANCE = { successRate: 0.02, meanL2: 0.05 };

/** @param {{ours: Worker, peer: object, units: object[], folder: string, quick: boolean, report: (record: object) => void}} options */
export async function compareWithPeer({ ours, peer, units, folder, quick, report }) {
  const theirs = new Worker(peer.command, peer.args);
  try {
    const { version, said } = await theirs.ask({ do: 'open' });
    console.log(`  ${version}${said ? `, ${said}` : ''}`);
    for (const unit of units.filter(({ mode }) => peer.modes.includes(mode))) {
      report({
        peer: peer.name,
        version,
        unit: unit.id,
        mode: unit.mode,
        batch: unit.batch,
        ...(await compareUnit(ours, theirs, peer, unit, folder, quick)),
      });
      if (theirs.ended) return;
    }
  } catch (error) {
    report({ peer: peer.name, skipped: error.message });
  } finally {
    await theirs.close();
  }
}

async function compareUnit(ours, theirs, peer, unit, folder, quick) {
  const request = { do: 'load', folder, unit };
  const expected = readTensor(folder, await ours.ask(request));
  try {
    const actual = readTensor(folder, await theirs.ask(request, 600));
    const check =
      unit.kind === 'attack'
        ? compareAttacks(unit, folder, actual, expected)
        : compareValues(peer, unit, actual, expected);
    if (check.failure) return { ...check, skipped: check.failure };
    return { ...check, ...(await timeBoth(ours, theirs, unit, quick)) };
  } catch (error) {
    return { skipped: error.message };
  } finally {
    await ours.ask({ do: 'unload' });
    if (!theirs.ended) await theirs.ask({ do: 'unload' });
  }
}

async function timeBoth(ours, theirs, unit, quick) {
  const size = quick ? 'quick' : 'full';
  const both = [ours, theirs];
  const times = [];
  for (const worker of both) {
    const { ms } = await worker.ask({ do: 'sample', times: 1 }, 600);
    times.push(unit.kind === 'attack' ? 1 : Math.max(1, Math.min(200, Math.round(SAMPLE_MS[size] / ms))));
  }
  const samples = [[], []];
  for (let round = 0; round < ROUNDS[size]; round++) {
    for (const [i, worker] of both.entries()) {
      await setTimeout(PAUSE_MS);
      const { ms } = await worker.ask({ do: 'sample', times: times[i] }, 600);
      samples[i].push(ms);
    }
  }
  const [a, b] = samples.map((list) => ({ ...summary(list), gflops: unit.flops / Math.min(...list) / 1e6 }));
  return { ours: a, theirs: b, faster: b.min / a.min, fasterMedian: b.median / a.median };
}

function summary(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  return { min: sorted[0], median: sorted[Math.floor(sorted.length / 2)] };
}

/** Fails closed: a NaN on either side, or another number of values, is a difference. */
function compareValues(peer, unit, actual, expected) {
  const nmse = nmseOf(actual, expected);
  const most = peer.tolerance[unit.mode];
  return nmse <= most
    ? { nmse }
    : {
        nmse,
        failure: `values differ from ours: expected an NMSE of at most ${most}, got ${nmse.toExponential(1)}`,
      };
}

/** Error over signal; NaN where anything is not a number. @param {Float32Array} actual @param {Float32Array} expected */
export function nmseOf(actual, expected) {
  if (actual.length !== expected.length) return Number.NaN;
  let error = 0;
  let signal = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2;
    signal += expected[i] ** 2;
  }
  return error / signal;
}

function compareAttacks(unit, folder, actual, expected) {
  const x = readTensor(folder, unit.input);
  const [a, b] = [outcomeOf(x, expected, unit), outcomeOf(x, actual, unit)];
  const outcome = { outcome: { ours: a, theirs: b } };
  const near =
    Math.abs(a.successRate - b.successRate) <= ATTACK_TOLERANCE.successRate &&
    Math.abs(a.meanL2 - b.meanL2) <= ATTACK_TOLERANCE.meanL2 * a.meanL2;
  if (near) return outcome;
  const text = ({ successRate, meanL2 }) => `${(100 * successRate).toFixed(1)} % at l2 ${meanL2.toFixed(4)}`;
  return { ...outcome, failure: `another outcome than ours: ${text(b)} instead of ${text(a)}` };
}

/** Images that changed are those that were found to fool the net; all others are X itself. */
function outcomeOf(x, xAdv, { attack: { images } }) {
  const size = x.length / images;
  const lengths = [];
  for (let i = 0; i < images; i++) {
    let sum = 0;
    for (let k = i * size; k < (i + 1) * size; k++) sum += (xAdv[k] - x[k]) ** 2;
    if (sum > 0) lengths.push(Math.sqrt(sum));
  }
  return {
    successRate: lengths.length / images,
    meanL2: lengths.reduce((a, b) => a + b, 0) / lengths.length,
  };
}
