/** What the visitor takes home: pictures as lossless PNGs, settings and numbers as JSON. */
import { toImageData } from '../data/canvas.js';
import type { Image } from '../data/rgb.js';
import type { LaneId } from './protocol.js';
import { adapter, lane, net, picture, requests } from './state.js';

export async function downloadPng(image: Image, name: string): Promise<void> {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext('2d')!.putImageData(toImageData(image), 0, 0);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (blob) download(blob, name);
}

/** As `summary.json` and a line of `results.jsonl` of the command line say it, in one document. */
export function downloadSettings(id: LaneId): void {
  const { outcome, explained, total } = lane(id);
  if (!outcome || !explained) return;
  const { frame, settings, success, correct, forwards, backwards } = outcome;
  const prediction = (confidences: Float64Array) => {
    const confidence = Math.max(...confidences);
    return { class: confidences.indexOf(confidence), confidence };
  };
  const report = {
    method: requests.value[id]!.method,
    model: net.value!.name,
    settings,
    adapter: adapter.value,
    source: picture.value!.name,
    index: picture.value!.index ?? null,
    label: explained.label,
    labelled: explained.labelled,
    clean: prediction(explained.confidences),
    adversarial: prediction(frame.confidences),
    correct,
    success,
    ...frame.measures,
    iterations: frame.step,
    steps: total,
    forwards,
    backwards,
    cfr: explained.cfr,
    cfrPixels: explained.cfrPixels,
  };
  const text = `${JSON.stringify(report, null, 2)}\n`;
  download(new Blob([text], { type: 'application/json' }), `${report.method}.json`);
}

export function download(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
