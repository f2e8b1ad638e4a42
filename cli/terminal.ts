/** What a terminal can show beside text: colours and pictures. Decided by its stream and environment alone: nothing is asked of it. */
import picocolors from 'picocolors';
import { createSupportsTerminalGraphics } from 'supports-terminal-graphics';

/** What a console's terminal can do; of pipes and files nothing. */
export interface Terminal {
  readonly stdout: Paint;
  readonly stderr: Paint;
  readonly graphics: Graphics;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** By https://no-color.org and https://force-color.org; else where it is a terminal. */
export function hasColours(stream: { readonly isTTY?: boolean }, env: Environment): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR);
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** How text is painted; without colours as it is. */
export interface Paint {
  /** Results: headings of tables and of help, rates, warnings. */
  readonly result: (text: string) => string;
  readonly problem: (text: string) => string;
  readonly bar: (text: string) => string;
}

const RULE = /^[─ ]*─[─ ]*$/;

/** By what the lines are, once nothing in them can steer the terminal: names from files go through here, too. */
export function paintOf(colours: boolean): Paint {
  const { bold, dim, yellow, red, cyan } = picocolors.createColors(colours);
  const painted = (line: string, next: string | undefined): string => {
    if (/^warning: /.test(line)) return yellow(line);
    if (next !== undefined && RULE.test(next) && line !== '') return bold(line);
    if (RULE.test(line)) return dim(line);
    return line
      .replace(/^(?:[A-Z][A-Za-z]+:$|Usage:(?= ))/, bold)
      .replace(/^(?:ASR|predictions changed) [\d.]+ %/, bold);
  };
  return {
    result: (text) => {
      if (!colours) return text;
      const lines = text.split('\n');
      return lines.map((line, i) => painted(line, lines[i + 1])).join('\n');
    },
    problem: (text) => text.replace(/^cfr:/, (name) => bold(red(name))),
    bar: (text) => text.replace(/█+/, cyan),
  };
}

/** How a terminal takes pictures, or why it shows none. */
export type Graphics = { readonly protocol: 'kitty' | 'iterm2' } | { readonly none: string };

/** No colours, no pictures. */
export const plainTerminal: Terminal = {
  stdout: paintOf(false),
  stderr: paintOf(false),
  graphics: { none: 'output that is no terminal' },
};

export function graphicsOf(stream: { readonly isTTY?: boolean }): Graphics {
  const { env } = process;
  if (!stream.isTTY) return { none: 'output that is no terminal' };
  if (env.TMUX || /^(?:screen|tmux)/.test(env.TERM ?? ''))
    return { none: 'tmux or screen, which lets none through' };
  const { kitty, iterm2 } = createSupportsTerminalGraphics({ isTTY: true });
  if (kitty) return { protocol: 'kitty' };
  if (iterm2) return { protocol: 'iterm2' };
  return { none: env.TERM_PROGRAM || env.TERM || 'a terminal without a name' };
}

/** Kitty takes no more at once. */
const CHUNK = 4096;

/**
 * What shows a picture at the cursor.
 * @param png the bytes of a PNG file
 * @param cells its width on the terminal; the height follows
 * https://sw.kovidgoyal.net/kitty/graphics-protocol/, https://iterm2.com/documentation-images.html
 */
export function pictureSequence(png: Uint8Array, cells: number, protocol: 'kitty' | 'iterm2'): string {
  const data = Buffer.from(png).toString('base64');
  if (protocol === 'iterm2')
    return `\x1b]1337;File=inline=1;size=${png.length};width=${cells};preserveAspectRatio=1:${data}\x07\n`;
  const chunks = data.match(new RegExp(`.{1,${CHUNK}}`, 'g')) ?? [];
  return `${chunks
    .map((chunk, i) => {
      // No answers: nobody reads them.
      const head = i === 0 ? `a=T,f=100,q=2,c=${cells},` : '';
      return `\x1b_G${head}m=${i < chunks.length - 1 ? 1 : 0};${chunk}\x1b\\`;
    })
    .join('')}\n`;
}
