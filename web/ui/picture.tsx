/** An image as a canvas of its own pixels, enlarged by the page without smoothing. */
import { useEffect, useRef } from 'preact/hooks';
import { toImageData } from '../../data/canvas.js';
import type { Image } from '../../data/rgb.js';

export function Picture({ image, label, smooth = false }: { image: Image; label: string; smooth?: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height } = image;
  useEffect(() => {
    canvas.current?.getContext('2d')?.putImageData(toImageData(image), 0, 0);
  }, [image]);
  return (
    <canvas
      ref={canvas}
      class={smooth || width > 128 ? 'picture' : 'picture sharp'}
      width={width}
      height={height}
      role="img"
      aria-label={label}
    />
  );
}
