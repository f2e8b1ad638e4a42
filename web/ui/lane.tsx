/** One attack as it is seen: where it may work, what it adds, what comes out, and what the net says of that. */
import type { ComponentChildren } from 'preact';
import { methodNamed } from '../../attack/methods/index.js';
import type { Image } from '../../data/rgb.js';
import { explanationPicture, maskPicture, perturbationPicture } from '../../report/pictures.js';
import { control } from '../actions.js';
import { downloadPng, downloadSettings } from '../download.js';
import type { AttackFrame, Explained, LaneId } from '../protocol.js';
import {
  amplification,
  explained as explainedFirst,
  type LaneState,
  lanes,
  net,
  requests,
  shownFrame,
} from '../state.js';
import { Bars } from './bars.js';
import { percent, seconds, short, similarity } from './format.js';
import { Picture } from './picture.js';
import { Timeline } from './timeline.js';

export function Lane({ id }: { id: LaneId }) {
  const request = requests.value[id];
  const state = lanes.value[id];
  if (!request) return null;
  const explained = state.explained ?? explainedFirst.value;
  const frame = shownFrame(state);
  return (
    <section class="lane" aria-label={`Attack with ${request.method}`}>
      <header>
        <h2>{request.method}</h2>
        <span class="small">{methodNamed(request.method).title}</span>
        <Controls id={id} state={state} />
      </header>
      {state.error !== undefined && (
        <p class="error" role="alert">
          {state.error}
        </p>
      )}
      <Pictures id={id} explained={explained} frame={frame} />
      <Verdict state={state} explained={explained} frame={frame} />
      <div class="readings">
        <Bars explained={explained} frame={frame} />
        <Timeline id={id} state={state} />
      </div>
    </section>
  );
}

function Controls({ id, state: { status, outcome, explained } }: { id: LaneId; state: LaneState }) {
  const under = status === 'running' || status === 'paused';
  const button = (kind: 'pause' | 'resume' | 'step' | 'stop', text: string) => (
    <button type="button" class="quiet" onClick={() => control(id, kind)}>
      {text}
    </button>
  );
  return (
    <div class="row end controls">
      {status === 'compiling' && <span class="small busy">compiling its kernels…</span>}
      {under && (status === 'running' ? button('pause', 'Pause') : button('resume', 'Go on'))}
      {under && button('step', 'Step')}
      {under && button('stop', 'Stop')}
      {outcome && explained && <Downloads id={id} explained={explained} />}
    </div>
  );
}

function Downloads({ id, explained }: { id: LaneId; explained: Explained }) {
  const state = lanes.value[id];
  const outcome = state.outcome!;
  const { original } = explained;
  const adversarial = pixelsOf(original, outcome.frame);
  const name = requests.value[id]!.method;
  return (
    <details class="menu">
      <summary>Download</summary>
      <div>
        <button
          type="button"
          class="quiet"
          onClick={() => downloadPng(adversarial, `${name}-adversarial.png`)}
        >
          Adversarial PNG
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() =>
            downloadPng(perturbationPicture(original, adversarial).image, `${name}-perturbation.png`)
          }
        >
          Perturbation PNG
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() =>
            downloadPng(
              explanationPicture(original, explained.cam, explained.mask, 8),
              `${name}-explanation.png`,
            )
          }
        >
          Explanation PNG
        </button>
        <button type="button" class="quiet" onClick={() => downloadPng(original, 'original.png')}>
          Original PNG
        </button>
        <button type="button" class="quiet" onClick={() => downloadSettings(id)}>
          Settings and numbers, JSON
        </button>
      </div>
    </details>
  );
}

interface PicturesProps {
  readonly id: LaneId;
  readonly explained: Explained | undefined;
  readonly frame: AttackFrame | undefined;
}

function Pictures({ id, explained, frame }: PicturesProps) {
  if (!explained) {
    return (
      <div class="tiles">
        {['What the net looks at', 'What the attack adds', 'What the net gets'].map((title) => (
          <Tile key={title} title={title} caption="…">
            <div class="picture blank" />
          </Tile>
        ))}
      </div>
    );
  }
  const { original, cam, mask, label, cfr, cfrPixels } = explained;
  const name = net.value?.labels[label] ?? '';
  const now = frame ? pixelsOf(original, frame) : original;
  const added = perturbationPicture(original, now, amplification.value);
  const factor = Math.max(1, Math.round(256 / original.width));
  const pixels = original.width * original.height;
  return (
    <div class="tiles">
      <Tile
        title="What the net looks at"
        caption={
          cfr === 'empty'
            ? `nothing speaks for ${name}: the whole image is open`
            : `Grad-CAM of ${name}; its region covers ${percent(cfrPixels / pixels)}`
        }
      >
        <Picture
          smooth
          image={explanationPicture(original, cam, mask, factor)}
          label={`Grad-CAM of ${name} over the image, with the border of the region`}
        />
      </Tile>
      <Tile
        title={frame ? 'What the attack adds' : 'Where it may add'}
        caption={
          frame ? `difference × ${added.amplification}, around grey` : 'the soft mask: white takes most'
        }
      >
        {frame ? (
          <Picture
            image={added.image}
            label={`Perturbation of attack ${id + 1}, times ${added.amplification}`}
          />
        ) : (
          <Picture image={maskPicture(mask, original)} label="Soft mask of the region" />
        )}
      </Tile>
      <Tile title="What the net gets" caption={frame ? `step ${frame.step}` : 'the clean image'}>
        <Picture image={now} label={frame ? `Adversarial image at step ${frame.step}` : 'Clean image'} />
      </Tile>
    </div>
  );
}

function Tile({ title, caption, children }: { title: string; caption: string; children: ComponentChildren }) {
  return (
    <figure>
      <h3>{title}</h3>
      {children}
      <figcaption>{caption}</figcaption>
    </figure>
  );
}

function Verdict({ state, explained, frame }: { state: LaneState } & Omit<PicturesProps, 'id'>) {
  const labels = net.value?.labels;
  if (!labels || !explained) return <p class="verdict"> </p>;
  const [before, sure] = best(explained.confidences);
  if (!frame) {
    return (
      <p class="verdict">
        <b>{labels[before]}</b> <span>{percent(sure)} sure</span>
      </p>
    );
  }
  const [after, surer] = best(frame.confidences);
  const { l0, l2, linf, ssim } = frame.measures;
  const { outcome, shown } = state;
  const final = outcome !== undefined && shown === undefined;
  const values = 3 * explained.original.width * explained.original.height;
  return (
    <div class="verdict" aria-live={final ? 'polite' : 'off'}>
      <p class={frame.fools ? 'fooled' : ''}>
        <b>{labels[before]}</b> <i aria-hidden="true">→</i>
        <span class="hidden"> becomes </span> <b class="now">{labels[after]}</b>{' '}
        <span>{percent(surer)} sure</span>
      </p>
      <dl>
        <Measure name="l2" value={short(l2)} />
        <Measure name="largest change" value={`${Math.round(linf * 255)}/255`} />
        <Measure name="changed values" value={`${l0} of ${values}`} />
        <Measure name="SSIM" value={similarity(ssim)} />
        {final && <Measure name="passes" value={String(outcome.forwards + outcome.backwards)} />}
        {final && <Measure name="time" value={seconds(outcome.milliseconds)} />}
      </dl>
      {final && !outcome.success && <p class="small">The attack did not fool the net with these settings.</p>}
    </div>
  );
}

function Measure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

export function pixelsOf({ width, height }: Image, { pixels }: AttackFrame): Image {
  return { width, height, data: pixels };
}

function best(confidences: Float64Array): [number, number] {
  const sure = Math.max(...confidences);
  return [confidences.indexOf(sure), sure];
}
