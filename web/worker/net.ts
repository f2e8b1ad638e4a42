/** Nets of the page: one of those that ship, fetched once and kept, or a file of the visitor's, which stays on the machine. */
import { loadModel, type Model } from '../../nets/model.js';
import { fetchWeights } from '../../weights/fetch.js';
import { parseStateDict } from '../../weights/state-dict.js';
import type { NetChoice } from '../protocol.js';

export async function loadNet(
  choice: NetChoice,
  signal: AbortSignal,
  onProgress: (done: number, total: number | undefined) => void,
): Promise<Model> {
  if ('file' in choice) {
    const { file } = choice;
    const bytes = new Uint8Array(await file.arrayBuffer());
    return loadModel(parseStateDict(bytes, file.name), { name: file.name.replace(/\.\w+$/, '') });
  }
  const { name, url, sha256 } = choice;
  const bytes = await fetchWeights(url, {
    sha256,
    signal,
    onProgress: ({ done, total }) => onProgress(done, total),
  });
  return loadModel(parseStateDict(bytes, name), { name, known: true });
}
