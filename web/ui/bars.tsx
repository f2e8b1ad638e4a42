/** What the net makes of the image, class by class: before and now. */
import type { AttackFrame, Explained } from '../protocol.js';
import { net } from '../state.js';
import { percent } from './format.js';

/** Nets of more classes show the likeliest. */
const MOST = 10;

export function Bars({
  explained,
  frame,
}: {
  explained: Explained | undefined;
  frame: AttackFrame | undefined;
}) {
  const labels = net.value?.labels ?? [];
  const before = explained?.confidences;
  const now = frame?.confidences ?? before;
  const classes = before && now ? classesOf(before, now) : [];
  return (
    <div class="bars">
      <h3>What the net says</h3>
      <ul>
        {classes.map((c) => (
          <li key={c} class={c === explained?.label ? 'true' : ''}>
            <span>{labels[c]}</span>
            <span class="bar" aria-hidden="true">
              <i style={{ width: `${100 * before![c]!}%` }} />
              <b style={{ width: `${100 * now![c]!}%` }} />
            </span>
            <span class="number">{percent(now![c]!)}</span>
          </li>
        ))}
      </ul>
      <p class="small">Pale: the clean image. The image's own class is bold.</p>
    </div>
  );
}

function classesOf(before: Float64Array, now: Float64Array): number[] {
  if (before.length <= MOST) return [...before.keys()];
  const ranked = (values: Float64Array) => [...values.keys()].sort((a, b) => values[b]! - values[a]!);
  return [...new Set([...ranked(before).slice(0, 5), ...ranked(now).slice(0, 5)])];
}
