/** The page of benchmarks: every kernel tested and timed on the visitor's GPU, and the figures to send in. */
import { batch, computed, signal } from '@preact/signals';
import { render } from 'preact';
import type { KernelRecord } from '../../bench/records.js';
import type { AdapterSummary } from '../../engine/adapter.js';
import { adviceFor } from '../advice.js';
import { download } from '../download.js';
import { Mark } from '../ui/mark.js';
import type { BenchAsk, BenchSay, Failure, PageReport } from './protocol.js';
import '../style.css';
import './bench.css';

const NETS = ['resnet18', 'vgg11'];

const adapter = signal<AdapterSummary | undefined>(undefined);
const at = signal<Extract<BenchSay, { kind: 'at' }> | undefined>(undefined);
const failures = signal<readonly Failure[]>([]);
const ceilings = signal<{ fmaGflops: number; copyGBs: number } | undefined>(undefined);
const records = signal<readonly KernelRecord[]>([]);
const report = signal<PageReport | undefined>(undefined);
const problem = signal<string | undefined>(undefined);
const running = signal(false);
let worker: Worker | undefined;

/** The fastest variant of each case stands for it; the others are listed below it. */
const groups = computed(() => {
  const byCase = new Map<string, KernelRecord[]>();
  for (const record of records.value) {
    const key = `${record.op} ${record.shape}`;
    byCase.set(key, [...(byCase.get(key) ?? []), record]);
  }
  return [...byCase.values()].map((variants) => variants.sort((a, b) => a.ms.min - b.ms.min));
});

function start(): void {
  stop();
  batch(() => {
    failures.value = [];
    records.value = [];
    report.value = undefined;
    problem.value = undefined;
    at.value = undefined;
    running.value = true;
  });
  worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<BenchSay>) => batch(() => hear(data)));
  worker.addEventListener('error', ({ message }) => {
    problem.value = message || 'the script of the Worker could not be loaded';
    running.value = false;
  });
  worker.postMessage({ kind: 'start', nets: NETS } satisfies BenchAsk);
}

function stop(): void {
  worker?.terminate();
  worker = undefined;
  running.value = false;
}

function hear(said: BenchSay): void {
  switch (said.kind) {
    case 'adapter':
      adapter.value = said.adapter;
      return;
    case 'at':
      at.value = said;
      return;
    case 'failure':
      failures.value = [...failures.value, said.failure];
      return;
    case 'ceilings':
      ceilings.value = said;
      return;
    case 'records':
      records.value = [...records.value, ...said.records];
      return;
    case 'done':
      report.value = said.report;
      stop();
      return;
    case 'error':
      problem.value = said.message;
      stop();
  }
}

function Bench() {
  return (
    <>
      <header class="top">
        <a class="brand" href="../">
          <Mark /> cfr-attack
        </a>
        <nav>
          <a href="../">Attack</a>
          <a href="./" aria-current="page">
            Benchmark your GPU
          </a>
        </nav>
      </header>
      <main>
        <div class="hero">
          <h1>How fast is your GPU, and is it right?</h1>
          <p>
            Every compute shader of the engine runs here: first its numbers are held to references in double
            precision, then each of its variants is timed on the shapes of ResNet-18 and VGG-11, batch 8. The
            figures of real GPUs are what this project lacks most: send them in.
          </p>
        </div>
        <div class="go">
          {running.value ? (
            <button type="button" class="large" onClick={stop}>
              Stop
            </button>
          ) : (
            <button type="button" class="primary large" onClick={start}>
              {report.value ? 'Run again' : 'Run'}
            </button>
          )}
          <Progress />
        </div>
        {problem.value !== undefined && <Problem reason={problem.value} />}
        <Summary />
        {failures.value.length > 0 && <Failures />}
        {groups.value.length > 0 && <Table />}
      </main>
    </>
  );
}

function Progress() {
  const now = at.value;
  if (!running.value || !now) return null;
  return (
    <div class="progress">
      <progress aria-label="Progress" max={now.total} value={now.done} />
      <span class="small" aria-live="off">
        {now.stage === 'test' ? 'testing' : 'timing'} {now.done + 1} of {now.total}: {now.what}
      </span>
    </div>
  );
}

function Problem({ reason }: { reason: string }) {
  const { title, steps } = adviceFor(navigator.userAgent, location);
  return (
    <div class="notice bad" role="alert">
      <h2>{/WebGPU/.test(reason) ? title : 'It stopped'}</h2>
      <p>{reason}</p>
      {/WebGPU/.test(reason) && (
        <ul>
          {steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Summary() {
  const [found, most, done] = [adapter.value, ceilings.value, report.value];
  if (!found) return null;
  return (
    <section class="card" aria-label="Summary" aria-live="polite">
      <dl class="large">
        <Fact name={found.software ? 'adapter (software, no GPU)' : 'GPU'} value={found.name} />
        {most && <Fact name="multiply-add" value={`${most.fmaGflops.toFixed(0)} GFLOP/s`} />}
        {most && <Fact name="copy" value={`${most.copyGBs.toFixed(1)} GB/s`} />}
        <Fact name="kernels timed" value={String(records.value.length)} />
        {done && (
          <Fact
            name="tests passed"
            value={`${done.tests.passed} of ${done.tests.passed + failures.value.length}`}
          />
        )}
      </dl>
      {done && (
        <div class="row">
          <button
            type="button"
            class="primary"
            onClick={() =>
              download(
                new Blob([`${JSON.stringify(done, null, 2)}\n`], { type: 'application/json' }),
                `cfr-bench-${done.adapter.replace(/\W+/g, '-')}-${done.date}.json`,
              )
            }
          >
            Download the JSON to send in
          </button>
          <button type="button" onClick={() => void navigator.clipboard.writeText(JSON.stringify(done))}>
            Copy it
          </button>
          <span class="small">
            It holds what is seen here, the browser's name and the adapter's limits, and nothing else. Attach
            it to an issue of the project.
          </span>
        </div>
      )}
    </section>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Failures() {
  return (
    <section class="notice bad" aria-labelledby="failures">
      <h2 id="failures">{failures.value.length} wrong</h2>
      {failures.value.map(({ what, message }) => (
        <details key={what}>
          <summary>{what}</summary>
          <pre>{message}</pre>
        </details>
      ))}
    </section>
  );
}

function Table() {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keyboard
    <section class="card scroll" tabIndex={0} aria-label="Kernels">
      <table>
        <thead>
          <tr>
            {['op', 'shape', 'variant', 'ms', 'GFLOP/s', 'GB/s', 'of the ceiling'].map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.value.map((variants) =>
            variants.map((record, i) => (
              <tr key={`${record.op} ${record.shape} ${record.variant}`} class={i === 0 ? '' : 'out'}>
                <th scope="row">{i === 0 ? record.op : ''}</th>
                <td>{i === 0 ? record.shape : ''}</td>
                <td>{record.variant}</td>
                <td class="number">{record.ms.min.toFixed(3)}</td>
                <td class="number">{record.gflops.toFixed(1)}</td>
                <td class="number">{record.gbs.toFixed(1)}</td>
                <td class="number">
                  <span class="share" style={{ '--share': `${Math.min(100, 100 * record.share)}%` }}>
                    {(100 * record.share).toFixed(0)} %
                  </span>
                </td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </section>
  );
}

render(<Bench />, document.getElementById('app')!);
