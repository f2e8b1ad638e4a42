/** What somebody may have meant. */
import { distance } from 'fastest-levenshtein';

/** Names beyond this are not mistyped, and comparing them takes the square of their length. */
const MAX_LENGTH = 100;

/** `; did you mean "x"?` for a near miss, else nothing. */
export function suggestion(text: string, values: readonly string[]): string {
  if (text.length > MAX_LENGTH) return '';
  const ranked = values
    .filter((name) => name.length <= MAX_LENGTH)
    .map((name) => ({ name, edits: distance(text.toLowerCase(), name.toLowerCase()) }));
  const best = ranked.sort((a, b) => a.edits - b.edits)[0];
  return best && best.edits <= Math.max(1, Math.floor(best.name.length / 3))
    ? `; did you mean "${best.name}"?`
    : '';
}
