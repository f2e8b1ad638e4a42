/** The images that come with the page: 256 of CIFAR-10's test images, in one picture. */
import { decodeBlob } from '../data/canvas.js';
import { CIFAR10_CLASSES } from '../data/cifar10-format.js';
import type { Picture } from './state.js';

const SIDE = 32;

export async function loadSample(): Promise<Picture[]> {
  const [picture, list] = await Promise.all(
    ['sample/cifar10-256.png', 'sample/cifar10-256.json'].map(async (path) => {
      const response = await fetch(new URL(path, document.baseURI));
      if (!response.ok) throw new Error(`${path}: the server answered ${response.status}; reload the page`);
      return response;
    }),
  );
  const { width, data } = await decodeBlob(await picture!.blob());
  const { labels } = (await list!.json()) as { labels: number[] };
  const columns = width / SIDE;
  return labels.map((label, index) => {
    const image = { width: SIDE, height: SIDE, data: new Uint8Array(3 * SIDE * SIDE) };
    const [left, top] = [(index % columns) * SIDE, Math.floor(index / columns) * SIDE];
    for (let y = 0; y < SIDE; y++) {
      const from = 3 * ((top + y) * width + left);
      image.data.set(data.subarray(from, from + 3 * SIDE), 3 * y * SIDE);
    }
    const className = CIFAR10_CLASSES[label]!;
    return { image, className, index, name: `${className} ${index}` };
  });
}
