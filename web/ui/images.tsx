/** What is attacked: one of the bundled images, or the visitor's own by drop, paste, file or camera. */
import { useSignal } from '@preact/signals';
import { choose, takeFile } from '../actions.js';
import { imageError, picture, sample } from '../state.js';
import { Camera } from './camera.js';
import { Picture } from './picture.js';

const SHOWN = 10;

export function Images() {
  const first = useSignal(0);
  const camera = useSignal(false);
  const pictures = sample.value;
  const chosen = picture.value;
  const from = first.value;
  return (
    <section class="card" aria-labelledby="images-title">
      <h2 id="images-title">Image</h2>
      <div class="thumbs">
        {pictures.slice(from, from + SHOWN).map((one) => (
          <button
            key={one.name}
            type="button"
            class="thumb"
            aria-pressed={one === chosen}
            title={`${one.className}, number ${one.index} of the sample`}
            onClick={() => choose(one)}
          >
            <Picture image={one.image} label={one.className!} />
          </button>
        ))}
      </div>
      <div class="row">
        <button
          type="button"
          class="quiet"
          onClick={() => {
            first.value = (from + SHOWN) % Math.max(1, pictures.length - SHOWN);
          }}
        >
          More
        </button>
        <label class="quiet button">
          Your own…
          <input
            type="file"
            accept="image/*"
            class="hidden"
            onChange={({ currentTarget }) => {
              const file = currentTarget.files?.[0];
              currentTarget.value = '';
              if (file) void takeFile(file);
            }}
          />
        </label>
        <button
          type="button"
          class="quiet"
          onClick={() => {
            camera.value = true;
          }}
        >
          Camera
        </button>
      </div>
      <p class="small">Or drop or paste one anywhere. Nothing leaves this machine.</p>
      {imageError.value !== undefined && (
        <p class="error" role="alert">
          {imageError.value}
        </p>
      )}
      {camera.value && (
        <Camera
          onClose={() => {
            camera.value = false;
          }}
        />
      )}
    </section>
  );
}
