/** A quantity against another, a point an image. Drawn on a canvas where they are many: 10,000 elements would stall a page. */
import { useEffect, useRef } from 'preact/hooks';
import { type Area, Plot, type Scale } from './plot.js';

export interface ScatterPoint {
  readonly key: number;
  readonly x: number;
  readonly y: number;
  readonly tone: 'fooled' | 'held' | 'wrong';
  readonly title: string;
}

export interface ScatterProps {
  readonly label: string;
  readonly x: { readonly label: string; readonly format?: (value: number) => string };
  readonly y: {
    readonly label: string;
    readonly format?: (value: number) => string;
    readonly domain?: readonly [number, number];
  };
  readonly points: readonly ScatterPoint[];
  readonly onChoose: (key: number) => void;
}

export function Scatter({ label, x, y, points, onChoose }: ScatterProps) {
  const most = Math.max(0, ...points.map((point) => point.x));
  return (
    <Plot
      label={label}
      x={{ ...x, domain: [0, most || 1], nice: true }}
      y={{ ...y, domain: y.domain ?? [0, 1] }}
    >
      {(xs, ys, area) => (
        <Points x={xs} y={ys} area={area} points={points} onChoose={onChoose} label={label} />
      )}
    </Plot>
  );
}

function Points({
  x,
  y,
  area,
  points,
  onChoose,
  label,
}: { readonly x: Scale; readonly y: Scale; readonly area: Area } & Pick<
  ScatterProps,
  'label' | 'points' | 'onChoose'
>) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const title = useRef<HTMLDivElement>(null);
  const width = area.right - area.left + 12;
  const height = area.bottom - area.top + 12;
  const place = (point: ScatterPoint) => [x(point.x) - area.left + 6, y(point.y) - area.top + 6] as const;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const ratio = devicePixelRatio;
    context.canvas.width = width * ratio;
    context.canvas.height = height * ratio;
    context.scale(ratio, ratio);
    const style = getComputedStyle(context.canvas);
    context.globalAlpha = points.length > 1000 ? 0.35 : 0.7;
    for (const tone of ['wrong', 'held', 'fooled'] as const) {
      context.fillStyle = style.getPropertyValue(`--${tone}`);
      for (const point of points) {
        if (point.tone !== tone) continue;
        context.beginPath();
        context.arc(...place(point), points.length > 1000 ? 2.2 : 3.6, 0, 2 * Math.PI);
        context.fill();
      }
    }
  });
  /** The point under the pointer. */
  const nearest = (event: MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let best: ScatterPoint | undefined;
    let least = 14 ** 2;
    for (const point of points) {
      const [cx, cy] = place(point);
      const distance = (cx - px) ** 2 + (cy - py) ** 2;
      if (distance < least) [least, best] = [distance, point];
    }
    return best;
  };
  return (
    <foreignObject x={area.left - 6} y={area.top - 6} width={width} height={height}>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the same images are in the list below. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: as above. */}
      <div
        ref={title}
        onPointerMove={(event) => {
          const found = nearest(event);
          title.current!.title = found?.title ?? '';
          title.current!.style.cursor = found ? 'pointer' : '';
        }}
        onClick={(event) => {
          const found = nearest(event);
          if (found) onChoose(found.key);
        }}
      >
        <canvas
          ref={canvas}
          style={{ width: `${width}px`, height: `${height}px`, display: 'block' }}
          role="img"
          aria-label={label}
        />
      </div>
    </foreignObject>
  );
}
