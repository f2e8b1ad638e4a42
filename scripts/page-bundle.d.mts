import type { Plugin } from 'esbuild';

export function pageModule(): Promise<{ source: string; inputs: string[] }>;
export const pageForEsbuild: Plugin;
export const pageForVitest: {
  name: string;
  enforce: 'pre';
  resolveId(id: string): string | undefined;
  load(id: string): Promise<string | undefined>;
};
