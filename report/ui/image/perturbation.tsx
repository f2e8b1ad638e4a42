/**
 * The difference of two pictures, made visible: middle grey where nothing changed, lighter and darker by `times` the change of each
 * channel. Computed by the canvas' own compositing, exactly and in 8 bits, as pixels of pictures on a disk may not be read.
 */
import { useEffect, useRef } from 'preact/hooks';

export interface PerturbationProps {
  readonly clean: string;
  readonly adversarial: string;
  /** A whole number from 1. */
  readonly times: number;
  readonly class?: string;
  readonly label: string;
}

/** Middle grey of the pictures, and how far channel values go from it. */
const GREY = 128;
const REACH = 127;

export function Perturbation({ clean, adversarial, times, label, class: className }: PerturbationProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let wanted = true;
    void Promise.all([loaded(clean), loaded(adversarial)]).then(
      ([x, xAdv]) => {
        if (wanted && canvas.current) draw(canvas.current, x, xAdv, times);
      },
      () => {},
    );
    return () => {
      wanted = false;
    };
  }, [clean, adversarial, times]);
  return <canvas ref={canvas} class={className} role="img" aria-label={label} />;
}

/** The colours of the scale, from the least to the largest change that is told apart. */
export function PerturbationScale({ times }: { readonly times: number }) {
  const most = REACH / 255 / times;
  const text = most.toFixed(most < 0.02 ? 4 : 3);
  return (
    <div
      class="scale"
      role="img"
      aria-label={`Scale: middle grey is no change, black −${text}, white +${text} of a channel`}
    >
      <span>−{text}</span>
      <span class="ramp" />
      <span>+{text}</span>
    </div>
  );
}

const pictures = new Map<string, Promise<HTMLImageElement>>();

function loaded(address: string): Promise<HTMLImageElement> {
  const known = pictures.get(address);
  if (known) return known;
  const image = new Image();
  image.src = address;
  const ready = image.decode().then(() => image);
  // A page may be open for hours.
  if (pictures.size > 64) pictures.clear();
  pictures.set(address, ready);
  return ready;
}

function surface(width: number, height: number) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d')!;
  const paint = (image: CanvasImageSource, operation: GlobalCompositeOperation) => {
    context.globalCompositeOperation = operation;
    context.drawImage(image, 0, 0);
  };
  return { canvas, context, paint };
}

function draw(target: HTMLCanvasElement, x: HTMLImageElement, xAdv: HTMLImageElement, times: number): void {
  const { naturalWidth: width, naturalHeight: height } = x;
  /** What `one` has more than `other`: the larger of both, less `other`. */
  const excess = (one: CanvasImageSource, other: CanvasImageSource) => {
    const { canvas, paint } = surface(width, height);
    paint(one, 'copy');
    paint(other, 'lighten');
    paint(other, 'difference');
    return canvas;
  };
  /** Doubling and adding; sums end at white. */
  const multiplied = (source: HTMLCanvasElement) => {
    const sum = surface(width, height);
    sum.context.fillRect(0, 0, width, height);
    const power = surface(width, height);
    power.paint(source, 'copy');
    for (let left = times; left > 0; left >>= 1) {
      if (left & 1) sum.paint(power.canvas, 'lighter');
      power.paint(power.canvas, 'lighter');
    }
    return sum;
  };
  const more = multiplied(excess(xAdv, x));
  const less = multiplied(excess(x, xAdv));
  less.context.globalCompositeOperation = 'darken';
  less.context.fillStyle = `rgb(${GREY} ${GREY} ${GREY})`;
  less.context.fillRect(0, 0, width, height);
  target.width = width;
  target.height = height;
  const context = target.getContext('2d')!;
  context.fillStyle = less.context.fillStyle;
  context.fillRect(0, 0, width, height);
  // Where a channel is more it is not less, so the difference is the subtraction.
  context.globalCompositeOperation = 'difference';
  context.drawImage(less.canvas, 0, 0);
  context.globalCompositeOperation = 'lighter';
  context.drawImage(more.canvas, 0, 0);
}
