/** The net that is attacked. */
import { chooseNet, shippedNets, stopNet, useNetFile } from '../actions.js';
import { net, netError, netFile, netName, netProgress } from '../state.js';
import { megabytes } from './format.js';

const OWN = 'own file';

export function Net() {
  const used = net.value;
  const progress = netProgress.value;
  const file = netFile.value;
  return (
    <section class="card" aria-labelledby="net-title">
      <h2 id="net-title">Network</h2>
      <select
        aria-labelledby="net-title"
        value={file ? OWN : netName.value}
        onChange={({ currentTarget }) => chooseNet(currentTarget.value)}
      >
        {shippedNets.map(({ name, accuracy, size }) => (
          <option key={name} value={name}>
            {name.replace('-cifar10', '')} · CIFAR-10, {(100 * accuracy).toFixed(1)} % right,{' '}
            {megabytes(size)}
          </option>
        ))}
        {file && <option value={OWN}>{file.name}</option>}
      </select>
      {progress && (
        <div class="row">
          <progress
            aria-label="Weights"
            {...(progress.total === undefined ? {} : { max: progress.total, value: progress.done })}
          />
          <span class="small number">
            {progress.total === undefined
              ? 'reading…'
              : `${megabytes(progress.done)} of ${megabytes(progress.total)}`}
          </span>
          <button type="button" class="quiet" onClick={stopNet}>
            Stop
          </button>
        </div>
      )}
      {netError.value !== undefined && (
        <p class="error" role="alert">
          {netError.value}
        </p>
      )}
      {used && (
        <p class="small">
          {used.arch}, {used.classes} classes, {used.width}×{used.height} pixels.
          {used.assumptions.length > 0 && ` Assumed or seen: ${used.assumptions.join('; ')}.`}
        </p>
      )}
      <label class="quiet button">
        Your own weights…
        <input
          type="file"
          accept=".safetensors,.pth,.pt,.th"
          class="hidden"
          onChange={({ currentTarget }) => {
            const own = currentTarget.files?.[0];
            currentTarget.value = '';
            if (own) useNetFile(own);
          }}
        />
      </label>
    </section>
  );
}
