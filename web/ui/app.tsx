/** The page as a whole. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { attackAll, takeFile } from '../actions.js';
import { amplification, lanes, ready, requests } from '../state.js';
import { DeviceChip, DeviceNotice } from './device.js';
import { Images } from './images.js';
import { Lane } from './lane.js';
import { Leaderboard } from './leaderboard.js';
import { Mark } from './mark.js';
import { Net } from './net.js';
import { Attack, canAttack } from './settings.js';

export function App() {
  const two = requests.value[1] !== undefined;
  return (
    <>
      <a class="skip" href="#stage">
        Skip to the attack
      </a>
      <header class="top">
        <a class="brand" href="./">
          <Mark /> cfr-attack
        </a>
        <nav>
          <a href="./" aria-current="page">
            Attack
          </a>
          <a href="bench/">Benchmark your GPU</a>
        </nav>
        <DeviceChip />
      </header>
      <main>
        <div class="hero">
          <h1>A network's own explanation shows where it can be fooled.</h1>
          <p>
            Grad-CAM finds the pixels that a prediction rests on. A soft mask made from them steers a change
            too small to see, until the net sees something else. All of it runs here, on your own GPU.
          </p>
        </div>
        <DeviceNotice />
        <div class="bench">
          <div class="side">
            <Images />
            <Net />
            <Attack id={0} />
            <Attack id={1} />
          </div>
          <div class="stage" id="stage">
            <div class="go">
              <Go />
              <Amplification />
            </div>
            <div class={two ? 'lanes two' : 'lanes'}>
              <Lane id={0} />
              <Lane id={1} />
            </div>
            <Leaderboard />
          </div>
        </div>
      </main>
      <footer class="small">
        <p>
          Method: Qian et al.,{' '}
          <i>Towards Imperceptible Adversarial Image Patches Based on Network Explanations</i>. Images:
          CIFAR-10 (Krizhevsky 2009). For testing nets that are yours, or that you may test.
        </p>
      </footer>
      <Drop />
    </>
  );
}

function Go() {
  const busy = lanes.value.some(({ status }) => status === 'compiling' || status === 'running');
  const two = requests.value[1] !== undefined;
  const possible = ready.value && canAttack(0) && (!two || canAttack(1));
  return (
    <button type="button" class="primary large" disabled={!possible} aria-busy={busy} onClick={attackAll}>
      {busy ? 'Start over' : two ? 'Attack with both' : 'Attack'}
    </button>
  );
}

const AMPLIFICATIONS = [1, 2, 5, 10, 20, 50];

function Amplification() {
  const chosen = amplification.value;
  return (
    <label class="small">
      show the difference{' '}
      <select
        value={chosen === undefined ? '' : String(chosen)}
        onChange={({ currentTarget }) => {
          amplification.value = currentTarget.value === '' ? undefined : Number(currentTarget.value);
        }}
      >
        <option value="">as large as fits</option>
        {AMPLIFICATIONS.map((factor) => (
          <option key={factor} value={String(factor)}>
            × {factor}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Files dropped or pasted anywhere. */
function Drop() {
  const over = useSignal(false);
  useEffect(() => {
    const files = (list: FileList | undefined) => {
      const file = list?.[0];
      if (file) void takeFile(file);
    };
    const drag = (event: DragEvent) => {
      event.preventDefault();
      over.value = event.type === 'dragover';
    };
    const drop = (event: DragEvent) => {
      drag(event);
      files(event.dataTransfer?.files);
    };
    const paste = (event: ClipboardEvent) => files(event.clipboardData?.files);
    addEventListener('dragover', drag);
    addEventListener('dragleave', drag);
    addEventListener('drop', drop);
    addEventListener('paste', paste);
    return () => {
      removeEventListener('dragover', drag);
      removeEventListener('dragleave', drag);
      removeEventListener('drop', drop);
      removeEventListener('paste', paste);
    };
  }, []);
  return over.value ? (
    <div class="drop" aria-hidden="true">
      Drop an image, or a net's weights (.safetensors, .pth)
    </div>
  ) : null;
}
