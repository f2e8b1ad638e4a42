import type { Command } from 'commander';

export function commandLineDoc(program: Command): string;
