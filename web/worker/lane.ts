/** One attack under way: told to go on, pause, take a step or stop; tells where it is after every few steps. */
import { type Attack, type AttackOptions, attackSettings, createAttack } from '../../attack/driver.js';
import { isSettled, settles } from '../../attack/results.js';
import { UserError } from '../../base/errors.js';
import { toTensor } from '../../data/image.js';
import type { LaneId, Say, Subject } from '../protocol.js';
import type { Bench } from './bench.js';

/** As many as can be told apart on a slider. */
const MOST_FRAMES = 150;

interface Run {
  paused: boolean;
  /** To take although it is paused. */
  steps: number;
  wake: (() => void) | undefined;
}

export class Lane {
  readonly #id: LaneId;
  readonly #say: (message: Say) => void;
  #compiled: { readonly key: string; readonly attack: Attack } | undefined;
  /** The attack under way; another object: it is another's turn. */
  #run: Run | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(id: LaneId, say: (message: Say) => void) {
    this.#id = id;
    this.#say = say;
  }

  control(what: 'pause' | 'resume' | 'step' | 'stop'): void {
    const run = this.#run;
    if (!run) return;
    if (what === 'stop') this.#run = undefined;
    run.paused = what === 'pause' || what === 'step';
    if (what === 'step') run.steps++;
    run.wake?.();
  }

  /** Stops, waits until it has, and frees the program. */
  async release(): Promise<void> {
    this.control('stop');
    await this.#working;
    this.#compiled?.attack.destroy();
    this.#compiled = undefined;
  }

  async attack(bench: Bench, subject: Subject, options: AttackOptions): Promise<void> {
    this.control('stop');
    await this.#working;
    const run: Run = { paused: false, steps: 0, wake: undefined };
    this.#run = run;
    const working = this.#attack(bench, subject, options, run);
    this.#working = working.catch(() => {});
    try {
      await working;
    } finally {
      if (this.#run === run) this.#run = undefined;
    }
  }

  async #attack(bench: Bench, subject: Subject, options: AttackOptions, run: Run): Promise<void> {
    const { model } = bench;
    const { method, settings } = attackSettings(options, model.spec);
    const original = bench.prepared(subject.image);
    const x = toTensor(original);
    const label = await bench.labelOf(subject, x);
    if (label === settings.target)
      throw new UserError(`target: expected another class than the image's own, ${model.labels[label]}`);
    const aim = { label, target: settings.target };
    const attack = await this.#program(bench, options);
    const labels = Uint32Array.of(label);
    const clean = await bench.exclusive(() => attack.explain(x, labels));
    if (settles(method, settings) && isSettled(settings, clean.classes[0]!, label))
      throw new UserError(
        `The net is wrong on this image already: it takes the ${model.labels[label]} for ${model.labels[clean.classes[0]!]}. Choose another image.`,
      );
    const session = await attack.start(x, labels, { explanation: clean, indices: [subject.index] });
    const started = performance.now();
    let waited = 0;
    try {
      const explained = bench.explained(subject, original, label, clean);
      this.#say({ kind: 'started', lane: this.#id, total: session.total, explained });
      const stride = Math.ceil(session.total / MOST_FRAMES);
      while (!session.finished) {
        const before = performance.now();
        await this.#turn(run);
        waited += performance.now() - before;
        if (this.#run !== run) {
          this.#say({ kind: 'finished', lane: this.#id, outcome: null });
          return;
        }
        const seen = await bench.exclusive(async () => {
          await session.step(stride);
          return session.snapshot();
        });
        const logits = await bench.logits(seen.iterate);
        const loss = seen.trace[0]!.at(-2) ?? null;
        const frame = bench.frame(original, seen.iterate, logits, aim, { step: seen.steps, loss });
        this.#say({ kind: 'frame', lane: this.#id, frame });
      }
      const result = await bench.exclusive(() => session.finish());
      this.#say({
        kind: 'finished',
        lane: this.#id,
        outcome: {
          settings,
          frame: bench.frame(original, result.xAdv, result.logitsAdv, aim, {
            step: result.iterations[0]!,
            loss: null,
          }),
          success: result.success[0]!,
          correct: result.classes[0] === label,
          forwards: result.forwards[0]!,
          backwards: result.backwards[0]!,
          milliseconds: performance.now() - started - waited,
        },
      });
    } finally {
      session.close();
    }
  }

  /** Resolves when the next step may be taken: at once, or when somebody says so. */
  async #turn(run: Run): Promise<void> {
    while (run.paused && run.steps === 0 && this.#run === run) {
      await new Promise<void>((resolve) => {
        run.wake = resolve;
      });
    }
    run.wake = undefined;
    if (run.steps > 0) run.steps--;
  }

  async #program(bench: Bench, options: AttackOptions): Promise<Attack> {
    const key = JSON.stringify(options);
    if (this.#compiled?.key === key) return this.#compiled.attack;
    this.#compiled?.attack.destroy();
    this.#compiled = undefined;
    const attack = await bench.exclusive(() => createAttack(bench.engine, bench.model, options, 1));
    this.#compiled = { key, attack };
    return attack;
  }
}
