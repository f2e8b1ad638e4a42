/** Types of explanations-doc.mjs, for its test. */
import type { ExplanationTraits } from '../attack/explanations.js';

export function explanationsTable(table: Readonly<Record<string, ExplanationTraits>>): string;
export function withTable(text: string, table: string): string;
