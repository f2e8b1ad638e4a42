import {
  attackImage,
  createEngine,
  decodeBlob,
  fetchWeights,
  loadModel,
  parseStateDict,
  toImageData,
} from 'cfr-attack/browser';

/** Attacks a picture that the visitor chose, and draws what fools the net. */
export async function attackFile(
  file: File,
  canvas: HTMLCanvasElement,
  weights: string,
  signal: AbortSignal,
) {
  const engine = await createEngine();
  try {
    const onProgress = ({ done, total }: { done: number; total: number | undefined }) =>
      console.log(`${done} of ${total ?? '?'} bytes`);
    const bytes = await fetchWeights(weights, { onProgress, signal });
    const model = loadModel(parseStateDict(bytes, weights));
    const { adversarial, before, after } = await attackImage(engine, model, await decodeBlob(file), {
      signal,
    });
    [canvas.width, canvas.height] = [adversarial.width, adversarial.height];
    canvas.getContext('2d')!.putImageData(toImageData(adversarial), 0, 0);
    return `${before[0].label} -> ${after[0].label}`;
  } finally {
    engine.close();
  }
}
