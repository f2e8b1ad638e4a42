/** The engine, in a Worker: the page stays free to draw. One device, one net, up to two attacks and a leaderboard on it. */
import { createEngine } from '../engine/engine.js';
import { selfTest } from '../run/self-test.js';
import type { About, Ask, NetChoice, Say } from './protocol.js';
import { Bench } from './worker/bench.js';
import { Lane } from './worker/lane.js';
import { rank } from './worker/leaderboard.js';
import { loadNet } from './worker/net.js';

const say = (message: Say) => postMessage(message);

let bench: Bench | undefined;
let fetching: AbortController | undefined;
let ranking: AbortController | undefined;
const lanes = [new Lane(0, say), new Lane(1, say)] as const;

addEventListener('message', ({ data }: MessageEvent<Ask>) => void answer(data));

async function answer(ask: Ask): Promise<void> {
  switch (ask.kind) {
    case 'open':
      return guarded('device', () => open(ask.net));
    case 'net':
      return guarded('net', () => changeNet(ask.net));
    case 'stop-net':
      fetching?.abort();
      return;
    case 'explain':
      return guarded('image', async () => {
        const explained = await bench?.explain(ask.subject, ask.settings);
        if (explained) say({ kind: 'explained', id: ask.id, explained });
      });
    case 'attack':
      return guarded(ask.lane, async () => {
        if (bench) await lanes[ask.lane].attack(bench, ask.subject, ask.options);
      });
    case 'leaderboard':
      return guarded('leaderboard', async () => {
        ranking?.abort();
        ranking = new AbortController();
        if (bench) await rank(bench, ask, ranking.signal, say);
      });
    case 'stop-leaderboard':
      ranking?.abort();
      return;
    default:
      lanes[ask.lane].control(ask.kind);
  }
}

async function guarded(about: About, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Stopped on purpose.
    if ((error as Error).name === 'AbortError') return;
    say({ kind: 'error', about, message: (error as Error).message });
  }
}

async function open(choice: NetChoice): Promise<void> {
  const engine = await createEngine();
  say({ kind: 'adapter', adapter: engine.adapter });
  bench = new Bench(engine);
  await guarded('net', () => changeNet(choice));
  const { passed } = await bench.exclusive(() => selfTest(engine));
  say({ kind: 'tested', passed });
}

async function changeNet(choice: NetChoice): Promise<void> {
  if (!bench) return;
  fetching?.abort();
  fetching = new AbortController();
  const { signal } = fetching;
  const model = await loadNet(choice, signal, (done, total) => say({ kind: 'progress', done, total }));
  signal.throwIfAborted();
  ranking?.abort();
  for (const lane of lanes) await lane.release();
  await bench.use(model);
  const { name, labels, spec, assumptions } = model;
  const { arch, classes, height, width } = spec;
  say({ kind: 'net', net: { name, labels, arch, classes, height, width, assumptions } });
}
