/** How the attack went: the net's confidence in the image's own class and the size of the perturbation, step by step; any step can be shown again. */
import { max } from 'd3-array';
import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import type { LaneId } from '../protocol.js';
import { changeLane, type LaneState } from '../state.js';
import { short } from './format.js';

const WIDTH = 320;
const HEIGHT = 96;

export function Timeline({ id, state }: { id: LaneId; state: LaneState }) {
  const { frames, outcome, shown, total, explained } = state;
  const last = frames.length - 1;
  const x = scaleLinear([0, Math.max(1, total)], [0, WIDTH]);
  const confidence = scaleLinear([0, 1], [HEIGHT, 0]);
  const largest = max(frames, ({ measures }) => measures.l2) ?? 0;
  const size = scaleLinear([0, largest || 1], [HEIGHT, 0]);
  const label = explained?.label ?? 0;
  const sure = line<LaneState['frames'][number]>()
    .x(({ step }) => x(step))
    .y(({ confidences }) => confidence(confidences[label]!));
  const norm = line<LaneState['frames'][number]>()
    .x(({ step }) => x(step))
    .y(({ measures }) => size(measures.l2));
  const at = frames[shown ?? last];
  return (
    <div class="timeline">
      <h3>Step by step</h3>
      <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} preserveAspectRatio="none" aria-hidden="true">
        {frames.map(
          ({ step, fools }, i) =>
            fools && (
              <rect
                key={step}
                class="fools"
                x={x(frames[i - 1]?.step ?? 0)}
                width={x(step) - x(frames[i - 1]?.step ?? 0)}
                y={0}
                height={HEIGHT}
              />
            ),
        )}
        <path class="norm" d={norm(frames) ?? ''} />
        <path class="sure" d={sure(frames) ?? ''} />
        {at && <line class="at" x1={x(at.step)} x2={x(at.step)} y1={0} y2={HEIGHT} />}
      </svg>
      <input
        type="range"
        aria-label="Step shown"
        aria-valuetext={
          shown === undefined ? (outcome ? 'the result' : 'the latest step') : `step ${at?.step}`
        }
        min={0}
        max={Math.max(0, last)}
        value={shown ?? Math.max(0, last)}
        disabled={frames.length === 0}
        onInput={({ currentTarget }) => changeLane(id, { shown: Number(currentTarget.value) })}
      />
      <div class="row legend small">
        <span class="sure">sure of its own class</span>
        <span class="norm">l2, up to {short(largest)}</span>
        <span class="fools">fooled</span>
        {outcome && (
          <button
            type="button"
            class="quiet"
            disabled={shown === undefined}
            onClick={() => changeLane(id, { shown: undefined })}
          >
            Result
          </button>
        )}
      </div>
    </div>
  );
}
