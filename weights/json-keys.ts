/** What JSON.parse lets pass: keys that are there twice (it keeps the last), text that is no Unicode, nesting and keys without end. */

/** Half of a surrogate pair: no UTF-8 stands for it. */
const LONE_SURROGATE = /\p{Cs}/u;

/** A bracket, a colon or the beginning of a string. */
const TOKEN = /["{}[\]:]/g;

/** The position after the string that begins at `start`; beyond the end of the text if it does not end. */
function stringEnd(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote >= 0; quote = json.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (json[quote - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return quote + 1;
  }
  return json.length + 1;
}

/**
 * Looks through JSON text, which need not be valid, in one pass.
 * @param depth the greatest nesting of objects and lists
 * @param most keys of one object at most
 * @throws Error in one line for a key that an object has twice, for a lone surrogate in a key, for deeper nesting, and for more keys
 */
export function checkKeys(json: string, depth: number, most: number): void {
  /** A list has none. */
  const open: (Set<string> | undefined)[] = [];
  /** The last string: a key where a colon follows. */
  let last = '';
  const tokens = new RegExp(TOKEN);
  for (let match = tokens.exec(json); match; match = tokens.exec(json)) {
    const [token] = match;
    if (token === '"') {
      tokens.lastIndex = stringEnd(json, match.index);
      last = json.slice(match.index, tokens.lastIndex);
    } else if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      if (open.length > depth) throw new Error(`it is nested deeper than ${depth}`);
    } else if (token === '}' || token === ']') open.pop();
    else {
      // Most have no escapes, and parsing each would take longer than all else.
      const key = last.includes('\\') ? (JSON.parse(last) as string) : last.slice(1, -1);
      if (LONE_SURROGATE.test(key)) throw new Error(`the key ${last} is no Unicode text`);
      const keys = open.at(-1);
      if (keys?.has(key)) throw new Error(`the key ${last} is there twice`);
      keys?.add(key);
      if (keys && keys.size > most) throw new Error(`an object has more than ${most} keys`);
    }
  }
}
