/** Quantities over another one, with bands of their intervals; pointing reads the values, the legend hides series. */
import { area as areaOf, line as lineOf } from 'd3-shape';
import { useState } from 'preact/hooks';
import { percentText, short } from '../format.js';
import { Plot } from './plot.js';

export interface LinesPoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

export interface LinesSeries {
  readonly name: string;
  readonly points: readonly LinesPoint[];
}

export interface LinesProps {
  readonly label: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly LinesSeries[];
  readonly xDomain?: readonly [number, number];
  readonly yDomain?: readonly [number, number];
  /** y is a share of 1. */
  readonly percent?: boolean;
  readonly marks?: boolean;
  readonly height?: number;
  readonly places?: readonly string[] | undefined;
}

const DASHES = ['', '7 4', '2 3', '10 3 2 3'];

export function seriesColour(index: number): string {
  return `var(--series-${index % 8})`;
}

/** Colours come again after eight series, with other dashes. */
function dash(index: number): string {
  return DASHES[Math.floor(index / 8) % DASHES.length]!;
}

export function Lines(props: LinesProps) {
  const { series, percent, places } = props;
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState<number | undefined>(undefined);
  const shown = series.map((each, i) => ({ ...each, i })).filter(({ name }) => !hidden.has(name));
  const points = series.flatMap((each) => each.points);
  const extent = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const;
  const xDomain = props.xDomain ?? (points.length ? extent(points.map(({ x }) => x)) : ([0, 1] as const));
  const [low, high] = points.length
    ? extent(points.flatMap((point) => [point.low ?? point.y, point.high ?? point.y]))
    : [0, 1];
  const yDomain = props.yDomain ?? [Math.min(0, low), high];
  const text = (value: number) => (percent ? percentText(value) : short(value));
  const xText = (value: number) => (places ? (places[Math.round(value)] ?? '') : short(value));
  const toggle = (name: string) => {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  };
  const readings =
    at === undefined ? [] : shown.map(({ name, points: own }) => [name, valueAt(own, at)] as const);
  return (
    <>
      {series.length > 1 && (
        <ul class="legend">
          {series.map(({ name }, i) => (
            <li key={name}>
              <button type="button" aria-pressed={!hidden.has(name)} onClick={() => toggle(name)}>
                <svg class="key-line" width="22" height="8" aria-hidden="true">
                  <line
                    x1="0"
                    x2="22"
                    y1="4"
                    y2="4"
                    stroke={seriesColour(i)}
                    stroke-width="2.5"
                    stroke-dasharray={dash(i)}
                  />
                </svg>
                {name}
              </button>
            </li>
          ))}
        </ul>
      )}
      <Plot
        label={props.label}
        height={props.height ?? 230}
        x={{ label: props.x, domain: xDomain, ...(places ? { format: xText } : {}) }}
        y={{
          label: props.y,
          domain: yDomain,
          nice: !props.yDomain,
          ...(percent ? { format: (v) => `${Math.round(100 * v)} %` } : {}),
        }}
      >
        {(x, y, area) => (
          <g
            onPointerMove={(event) => {
              const box = event.currentTarget.ownerSVGElement!.getBoundingClientRect();
              setAt(Math.min(xDomain[1], Math.max(xDomain[0], x.invert(event.clientX - box.left))));
            }}
            onPointerLeave={() => setAt(undefined)}
          >
            <rect
              x={area.left}
              y={area.top}
              width={area.right - area.left}
              height={area.bottom - area.top}
              fill="transparent"
            />
            {shown.map(({ name, points: own, i }) => (
              <path key={name} class="band" fill={seriesColour(i)} d={bandPath(own, x, y)} />
            ))}
            {shown.map(({ name, points: own, i }) => (
              <g key={name}>
                <path
                  class="curve"
                  stroke={seriesColour(i)}
                  stroke-dasharray={dash(i)}
                  d={
                    lineOf<LinesPoint>(
                      (p) => x(p.x),
                      (p) => y(p.y),
                    )(own) ?? ''
                  }
                />
                {props.marks &&
                  own.map((p) => <circle key={p.x} cx={x(p.x)} cy={y(p.y)} r={3.5} fill={seriesColour(i)} />)}
              </g>
            ))}
            {at !== undefined && <line class="cross" x1={x(at)} x2={x(at)} y1={area.top} y2={area.bottom} />}
          </g>
        )}
      </Plot>
      <p class="reading no-print" aria-hidden="true">
        {at !== undefined && `${props.x} ${xText(at)}: `}
        {readings
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => (series.length > 1 ? `${name} ${text(value!)}` : text(value!)))
          .join(' · ')}
      </p>
    </>
  );
}

function bandPath(
  points: readonly LinesPoint[],
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const known = points.filter((point) => point.low !== undefined && point.high !== undefined);
  return (
    areaOf<LinesPoint>(
      (p) => x(p.x),
      (p) => y(p.low!),
      (p) => y(p.high!),
    )(known) ?? ''
  );
}

/** Along the line between its points; the last of those with one x. */
function valueAt(points: readonly LinesPoint[], x: number): number | undefined {
  const after = points.findIndex((point) => point.x > x);
  const next = after < 0 ? points.at(-1) : points[after];
  const before = after < 0 ? points.at(-1) : points[after - 1];
  if (!before || !next) return undefined;
  if (next.x === before.x) return next.y;
  return before.y + ((x - before.x) / (next.x - before.x)) * (next.y - before.y);
}
