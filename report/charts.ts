/**
 * Charts for reports and papers. Each is a function from numbers to SVG, the same bytes for the same numbers; `chartPng`
 * makes pixels of the same SVG.
 */
import { rasterPng } from './raster.js';

export type { Axis } from './charts/axis.js';
export { type Bar, type BarChartInput, type BarSeries, barChart } from './charts/bars.js';
export type { ChartOptions } from './charts/frame.js';
export { type HeatmapInput, heatmapChart } from './charts/heatmap.js';
export { type HistogramInput, histogramChart } from './charts/histogram.js';
export { type GridCell, type ImageGridInput, imageGrid } from './charts/image-grid.js';
export { type LineChartInput, type LinePoint, type LineSeries, lineChart } from './charts/lines.js';
export { type ScatterChartInput, type ScatterSeries, scatterChart } from './charts/scatter.js';
export { stackCharts } from './charts/stack.js';

/** The bytes of a PNG, by default with two pixels for one of the SVG. */
export function chartPng(svg: string, scale = 2): Promise<Uint8Array> {
  return rasterPng(svg, scale);
}
