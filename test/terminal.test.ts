/** What a terminal is given beside text: colours and pictures, and to nobody else. */
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { TerminalConsole } from '../cli/console.js';
import { graphicsOf, hasColours, paintOf, pictureSequence, type Terminal } from '../cli/terminal.js';
import { cfr, image, temporaryFolder } from './cli-fakes.js';

afterEach(() => vi.unstubAllEnvs());

test.each([
  [true, {}, true],
  [false, {}, false],
  [true, { TERM: 'dumb' }, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [false, { FORCE_COLOR: '1' }, true],
  [true, { FORCE_COLOR: '0' }, false],
  [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
] as const)('terminal %s with %j has colours: %s', (isTTY, env, colours) => {
  expect(hasColours({ isTTY }, env)).toBe(colours);
});

/** What a console under some terminal writes. */
function written(terminal: Partial<Terminal>, say: (console: TerminalConsole) => void) {
  const said = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({
    isTTY: true,
    columns: 60,
    write(text: string) {
      said[name] += text;
    },
  });
  const all = { stdout: paintOf(true), stderr: paintOf(true), graphics: { none: 'a test' }, ...terminal };
  say(new TerminalConsole(stream('out'), stream('err'), {}, all));
  return said;
}

describe('colours', () => {
  test('headings, rates, warnings and problems have them; what was said stays the same without', () => {
    const text =
      'image  before\n─────  ──────\na.png  cat\n\nASR 98.0 % (1 of 2)\nwarning: doubtful\nOptions:';
    const { out, err } = written({}, (console) => {
      console.say(text);
      console.problem('it failed');
    });
    expect(out).toContain('\u001b[1mimage  before\u001b[22m');
    expect(out).toContain('\u001b[1mASR 98.0 %\u001b[22m (1 of 2)');
    expect(out).toContain('\u001b[33mwarning: doubtful\u001b[39m');
    expect(out).toContain('\u001b[1mOptions:\u001b[22m');
    expect(err).toBe('\u001b[1m\u001b[31mcfr:\u001b[39m\u001b[22m it failed\n');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what colours are.
    const bare = out.replaceAll(/\u001b\[\d+m/g, '');
    expect(bare).toBe(`${text}\n`);
    expect(written({ stdout: paintOf(false) }, (console) => console.say(text)).out).toBe(bare);
  });

  test('a name from a file brings none of its own', () => {
    const { out, err } = written({}, (console) => {
      console.say('a\u001b[31m.png');
      console.note('a\u001b[31m.png');
      console.problem('a\u001b[31m.png');
    });
    expect(out).toBe('a\\x1b[31m.png\n');
    expect(err).not.toContain('\u001b[31m.png');
  });
});

describe('pictures', () => {
  test.each([
    [{ TERM: 'xterm-kitty' }, { protocol: 'kitty' }],
    [{ GHOSTTY_RESOURCES_DIR: '/x' }, { protocol: 'kitty' }],
    [{ TERM_PROGRAM: 'iTerm.app', TERM_PROGRAM_VERSION: '3.4.0' }, { protocol: 'iterm2' }],
    [{ TERM_PROGRAM: 'vscode', TERM_PROGRAM_VERSION: '1.101.0' }, { protocol: 'iterm2' }],
    [{ TERM: 'xterm-kitty', TMUX: '/tmp/x' }, { none: 'tmux or screen, which lets none through' }],
    [{ TERM: 'xterm-256color' }, { none: 'xterm-256color' }],
  ])('%j', (env, graphics) => {
    for (const name of Object.keys(process.env))
      if (/^(?:TERM|LC_TERMINAL|KITTY|GHOSTTY|WEZTERM|KONSOLE|TMUX)/.test(name)) vi.stubEnv(name, undefined);
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(graphicsOf({ isTTY: true })).toEqual(graphics);
    expect(graphicsOf({ isTTY: false })).toEqual({ none: 'output that is no terminal' });
  });

  test('kitty takes them in chunks, iTerm2 at once', () => {
    const png = Uint8Array.from({ length: 7000 }, (_, i) => (i * 31) % 256);
    const base64 = Buffer.from(png).toString('base64');
    const kitty = pictureSequence(png, 40, 'kitty');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what terminals are told by.
    const parts = [...kitty.matchAll(/\u001b_G([^;]*);([^\u001b]*)\u001b\\/g)];
    expect(parts.map(([, head]) => head)).toEqual(['a=T,f=100,q=2,c=40,m=1', 'm=1', 'm=0']);
    expect(parts.map(([, , data]) => data).join('')).toBe(base64);
    for (const [, , data] of parts) expect(data!.length).toBeLessThanOrEqual(4096);
    expect(pictureSequence(png, 40, 'iterm2')).toBe(
      `\u001b]1337;File=inline=1;size=7000;width=40;preserveAspectRatio=1:${base64}\u0007\n`,
    );
  });

  test('they are no wider than the terminal', () => {
    const show = (cells: number) =>
      written({ graphics: { protocol: 'kitty' } }, (console) => console.picture(new Uint8Array(3), cells))
        .out;
    expect(show(120)).toContain(',c=60,');
    expect(show(40)).toContain(',c=40,');
  });

  test('--show where there is no such terminal, or with --json, is refused before anything is done', async () => {
    for (const command of ['attack', 'explain']) {
      const out = join(temporaryFolder(), 'none');
      const argv = [command, 'a.png', '--out', out, '--show'];
      const files = { 'a.png': image(1) };
      const refused = await cfr(argv, { files });
      expect([refused.code, refused.batches, refused.err]).toEqual([
        2,
        [],
        'cfr: --show: expected a terminal that shows pictures (kitty, Ghostty, WezTerm, iTerm2, Konsole, VS Code, mintty), got output that is no terminal; leave it out, and open the files\n',
      ]);
      const both = await cfr([...argv, '--json'], { files });
      expect([both.code, both.err]).toEqual([2, expect.stringContaining('got --json; leave one out')]);
    }
  });

  test.each([
    ['attack', /a=T,f=100,q=2,c=120,/g, 1],
    ['explain', /a=T,f=100,q=2,c=40,/g, 2],
  ] as const)('cfr %s --show', async (command, head, pictures) => {
    const { code, out } = await cfr([command, 'a.png', 'b.png', '--out', temporaryFolder(), '--show'], {
      files: { 'a.png': image(1), 'b.png': image(2) },
      terminal: { stdout: paintOf(false), stderr: paintOf(false), graphics: { protocol: 'kitty' } },
    });
    expect([code, out.match(head)?.length]).toEqual([0, pictures]);
  });
});
