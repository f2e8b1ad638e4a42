/** What computes: the adapter by name, and whether it is a real GPU; or what to do where there is none. */
import { adviceFor } from '../advice.js';
import { adapter, deviceFailure, tested } from '../state.js';

export function DeviceChip() {
  const found = adapter.value;
  if (deviceFailure.value !== undefined) return <span class="chip bad">no WebGPU</span>;
  if (!found) return <span class="chip">looking for a GPU…</span>;
  const kind = found.software ? 'software, no GPU' : 'GPU';
  const check =
    tested.value === undefined
      ? 'checking its gradients…'
      : tested.value
        ? 'gradients checked'
        : 'its gradients are wrong';
  return (
    <span class={`chip ${tested.value === false ? 'bad' : found.software ? 'slow' : 'good'}`}>
      <i aria-hidden="true" />
      <b>{found.name}</b>
      <span>
        {kind} · {check}
      </span>
    </span>
  );
}

export function DeviceNotice() {
  if (tested.value === false) {
    return (
      <div class="notice bad" role="alert">
        <h2>This adapter computes wrong gradients</h2>
        <p>
          A small net was checked against exact arithmetic and failed, so no result here can be trusted.
          Update the graphics driver or the browser, or use another one.
        </p>
      </div>
    );
  }
  const reason = deviceFailure.value;
  if (reason === undefined) {
    return adapter.value?.software ? (
      <p class="hint">
        This browser computes on the CPU: everything works, but some ten to a hundred times slower than on a
        GPU. {adviceFor(navigator.userAgent, location).software}
      </p>
    ) : null;
  }
  const { title, steps } = adviceFor(navigator.userAgent, location);
  return (
    <div class="notice bad" role="alert">
      <h2>{title}</h2>
      <p>The attack runs on your own GPU through WebGPU, which this browser does not offer right now:</p>
      <ul>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ul>
      <p class="small">{reason}</p>
    </div>
  );
}
