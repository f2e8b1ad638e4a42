/**
 * SVG to pixels, without a browser and without the machine's fonts: resvg as WebAssembly, whose arithmetic is the same on
 * every machine, so that the bytes are too.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { initWasm, Resvg } from '@resvg/resvg-wasm';
import type { Image } from '../data/rgb.js';
import { FAMILY, typefaceBytes } from './typeface.js';

let loading: Promise<void> | undefined;

/** resvg takes its code once a process. */
function load(): Promise<void> {
  loading ??= readFile(createRequire(import.meta.url).resolve('@resvg/resvg-wasm/index_bg.wasm')).then(
    initWasm,
  );
  return loading;
}

/** The picture `scale` times its size in pixels, on white where it has no ground of its own. */
export async function rasterise(svg: string, scale = 1): Promise<Image> {
  return render(svg, scale, ({ width, height, pixels }) => {
    const data = new Uint8Array(3 * width * height);
    for (let p = 0; p < width * height; p++) data.set(pixels.subarray(4 * p, 4 * p + 3), 3 * p);
    return { width, height, data };
  });
}

/** The same pixels as the bytes of a PNG, compressed by resvg as well: Node's zlib differs between versions and machines. */
export async function rasterPng(svg: string, scale = 1): Promise<Uint8Array> {
  return render(svg, scale, (rendered) => rendered.asPng());
}

type Rendered = ReturnType<InstanceType<typeof Resvg>['render']>;

/** Takes from a rendered picture what is wanted of it; both live in WebAssembly's memory and are freed. */
async function render<Result>(
  svg: string,
  scale: number,
  take: (rendered: Rendered) => Result,
): Promise<Result> {
  await load();
  const resvg = new Resvg(svg, {
    background: '#fff',
    fitTo: { mode: 'zoom', value: scale },
    // Its reader does not know image-rendering: pixelated; this is what it has for that.
    imageRendering: 1,
    font: {
      fontBuffers: [typefaceBytes('regular'), typefaceBytes('bold')],
      defaultFontFamily: FAMILY,
      sansSerifFamily: FAMILY,
    },
  });
  try {
    const rendered = resvg.render();
    try {
      return take(rendered);
    } finally {
      rendered.free();
    }
  } finally {
    resvg.free();
  }
}
