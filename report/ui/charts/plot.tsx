/** What charts of a page share: axes over a plot as wide as its place, and keys to move among its marks. */
import { type ScaleContinuousNumeric, scaleLinear } from 'd3-scale';
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { short } from '../format.js';
import { useWidth } from '../use.js';
import './charts.css';

export type Scale = ScaleContinuousNumeric<number, number>;

export interface PlotAxis {
  readonly label: string;
  readonly domain: readonly [number, number];
  readonly format?: (value: number) => string;
  /** Round ends. */
  readonly nice?: boolean;
  readonly whole?: boolean;
}

export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface PlotProps {
  /** What a screen reader says of it. */
  readonly label: string;
  readonly x: PlotAxis;
  readonly y: PlotAxis;
  readonly height?: number;
  readonly children: (x: Scale, y: Scale, area: Area) => ComponentChildren;
}

const CHARACTER = 6.7;

function scaled({ domain: [from, to], nice }: PlotAxis, range: [number, number], ticks: number): Scale {
  const [least, largest] =
    from === to ? [from - (Math.abs(from) * 0.1 || 1), to + (Math.abs(to) * 0.1 || 1)] : [from, to];
  const scale = scaleLinear([least, largest], range);
  return nice ? scale.nice(ticks) : scale;
}

export function Plot({ label, x, y, height = 230, children }: PlotProps) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const counts = {
    x: Math.max(2, Math.floor((width - 70) / 80)),
    y: Math.max(2, Math.floor((height - 60) / 40)),
  };
  const top = 12;
  const bottom = height - 40;
  const ys = scaled(y, [bottom, top], counts.y);
  const yTicks = ys.ticks(counts.y).filter((tick) => !y.whole || Number.isInteger(tick));
  const texts = yTicks.map(y.format ?? short);
  const left = 24 + CHARACTER * Math.max(2, ...texts.map((text) => text.length));
  const area = { left, right: Math.max(left + 40, width - 12), top, bottom };
  const xs = scaled(x, [area.left, area.right], counts.x);
  return (
    <div ref={ref} class="plot">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset holds no shapes. */}
      <svg width={width} height={height} role="group" aria-label={label}>
        {yTicks.map((tick, i) => (
          <g key={tick}>
            <line class="grid" x1={area.left} x2={area.right} y1={ys(tick)} y2={ys(tick)} />
            <text class="tick" x={area.left - 6} y={ys(tick) + 4} text-anchor="end">
              {texts[i]}
            </text>
          </g>
        ))}
        {children(xs, ys, area)}
        <line class="axis" x1={area.left} x2={area.right} y1={bottom} y2={bottom} />
        {xs.ticks(counts.x).map((tick) => (
          <text key={tick} class="tick" x={xs(tick)} y={bottom + 16} text-anchor="middle">
            {(x.format ?? short)(tick)}
          </text>
        ))}
        <text class="axis-title" x={(area.left + area.right) / 2} y={height - 4} text-anchor="middle">
          {x.label}
        </text>
        <text
          class="axis-title"
          transform={`translate(11 ${(top + bottom) / 2}) rotate(-90)`}
          text-anchor="middle"
        >
          {y.label}
        </text>
      </svg>
    </div>
  );
}

/**
 * One stop of the Tab key for many marks: arrow keys go from one to the next, Home and End to the ends.
 * @param across marks in a row, where they stand in rows
 */
export function useMarks(count: number, across = 1) {
  const [at, setAt] = useState(0);
  const marks = useRef<(SVGElement | HTMLElement | null)[]>([]);
  const go = (event: KeyboardEvent) => {
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: across,
      ArrowUp: -across,
      Home: -count,
      End: count,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(count - 1, Math.max(0, at + step));
    setAt(next);
    marks.current[next]?.focus();
  };
  return (index: number, act: () => void) => ({
    ref: (element: SVGElement | HTMLElement | null) => {
      marks.current[index] = element;
    },
    role: 'button' as const,
    tabIndex: index === Math.min(at, count - 1) ? 0 : -1,
    onFocus: () => setAt(index),
    onClick: act,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        act();
      } else go(event);
    },
  });
}

export interface ChartCardProps {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}

export function ChartCard({ title, note, actions, wide, children }: ChartCardProps) {
  return (
    <figure class={`card chart${wide ? ' wide' : ''}`}>
      <figcaption>
        <h3>{title}</h3>
        {note && <p class="small muted">{note}</p>}
      </figcaption>
      {actions}
      {children}
    </figure>
  );
}
