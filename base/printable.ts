/** Text from files, made fit for a terminal and a message: no control characters, no endless names. */

/** Controls (terminal escapes), invisible format marks (which turn a line's direction), line separators, lone surrogates. */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * The text with everything that could move a cursor or hide another character written as `\xNN` or `\u{NNNN}`, and with its
 * middle left out where it is longer than `limit` characters.
 */
export function printable(text: string, limit = 100): string {
  const half = Math.floor(limit / 2);
  const kept = text.length <= limit ? text : `${text.slice(0, half)}…${text.slice(-half)}`;
  return kept.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    const digits = code.toString(16);
    return code < 0x100 ? `\\x${digits.padStart(2, '0')}` : `\\u{${digits}}`;
  });
}

/** JSON text that says the same with escapes for everything that `printable` would replace: outside of strings it has none of it. */
export function printableJson(json: string): string {
  // The line breaks of indented text are no part of a string.
  return json.replace(UNPRINTABLE, (character) =>
    character === '\n'
      ? character
      : unitsOf(character)
          .map((unit) => `\\u${unit}`)
          .join(''),
  );
}

const unitsOf = (character: string): string[] =>
  Array.from({ length: character.length }, (_, i) => character.charCodeAt(i).toString(16).padStart(4, '0'));
