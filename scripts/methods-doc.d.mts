/** Types of methods-doc.mjs, for its test. */
import type { methodDocument } from '../cli/commands/methods.js';

export function methodsTable(methods: readonly ReturnType<typeof methodDocument>[]): string;
export function withTable(text: string, table: string): string;
