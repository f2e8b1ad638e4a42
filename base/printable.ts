/** Text from files and arguments for a terminal: what would steer it is shown, not obeyed. */

/** Control characters (C0, DEL, C1), line and paragraph separators, what turns the direction of text, and halves of pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const STEERING = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Cs}/gu;

const NAMED: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/**
 * A text on one line of at most `most` UTF-16 units, with every steering character as an escape sequence (`\x1b`, `\u202e`).
 * What is left out at the end is counted.
 */
export function printable(text: string, most = 4000): string {
  const shown = text.length > most ? text.slice(0, most) : text;
  const escaped = shown.replace(STEERING, (character) => {
    const code = character.charCodeAt(0);
    const hex = code.toString(16);
    return NAMED[character] ?? (code < 256 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`);
  });
  const left = text.length - shown.length;
  return left > 0 ? `${escaped}… (${left} more characters)` : escaped;
}
