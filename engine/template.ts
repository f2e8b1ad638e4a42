/**
 * The preprocessor of `shaders/*.wgsl`: the whole set of substitutions that a kernel file may use.
 * A file is valid WGSL but for four line directives (each alone on its line):
 *
 *     //#if EXPR / //#else / //#endif    keeps one branch; EXPR over the constants (JavaScript syntax, numbers and booleans)
 *     //#for I in A..B / //#end          repeats the lines with `{I}` replaced, I = A..B-1 (A, B: expressions); may nest
 *
 * and `{EXPR}` inside a `//#for` body only, where EXPR mentions a loop variable (e.g. `acc{I}`, `row{I * 4 + J}`).
 * Names of a dispatch's `shape` read a uniform instead (`expandShader`); every constant handed over is declared on top as `const NAME: i32 | f32 | bool = value;`, so the body
 * reads them as ordinary WGSL names. Use i32 throughout: padding arithmetic underflows in u32.
 */
import { parseExpression, type Scope } from './expression.js';

/** Marks a number as f32 in the emitted declaration even where its value is integral. */
export class F32 {
  constructor(
    /** Rounded to f32 in the kernel. */
    readonly value: number,
  ) {}
}

/** A constant of a kernel: an integral number is an i32, any other an f32, unless it is marked (`F32`). */
export type ShaderConstant = number | boolean | F32;

/**
 * Expands one kernel file.
 * @param text the file's text
 * @param shape names that the body reads as i32 members of a uniform block, `@group(1) @binding(0)`, in this order
 * @param constants integers become `i32`, booleans `bool`, `F32` and non-integral numbers `f32`
 * @throws Error on an unknown directive, an unbalanced block or an expression that names nothing known
 */
export function expandShader(
  text: string,
  constants: Readonly<Record<string, ShaderConstant>>,
  shape: readonly string[] = [],
): string {
  const scope: Record<string, number | boolean> = {};
  const header: string[] = [];
  for (const [name, constant] of Object.entries(constants)) {
    const value = constant instanceof F32 ? constant.value : constant;
    scope[name] = value;
    header.push(`const ${name}: ${typeOf(constant)} = ${literal(constant)};`);
  }
  const lines = text.split('\n');
  const out: string[] = [];
  const end = expandBlock(lines, 0, scope, new Set(), out, []);
  if (end !== lines.length)
    throw new Error(`shader template: unexpected "${lines[end]?.trim()}" in line ${end + 1}`);
  // `enable` directives must stand before every declaration.
  const enables = out.filter((line) => /^\s*enable\s/.test(line));
  const body = out.filter((line) => !/^\s*enable\s/.test(line));
  if (shape.length > 0) {
    header.push(
      `struct Shape { ${shape.map((name) => `${name}: i32`).join(', ')} }`,
      '@group(1) @binding(0) var<uniform> shape: Shape;',
    );
    const names = new RegExp(`\\b(${shape.join('|')})\\b`, 'g');
    return [...enables, ...header, ...body.map((line) => line.replace(names, 'shape.$1'))].join('\n');
  }
  return [...enables, ...header, ...body].join('\n');
}

function typeOf(constant: ShaderConstant): string {
  if (typeof constant === 'boolean') return 'bool';
  if (constant instanceof F32 || !Number.isInteger(constant)) return 'f32';
  return 'i32';
}

function literal(constant: ShaderConstant): string {
  if (typeof constant === 'boolean') return String(constant);
  const value = constant instanceof F32 ? constant.value : constant;
  if (!Number.isFinite(value)) throw new Error(`shader template: expected a finite constant, got ${value}`);
  if (typeOf(constant) === 'i32') return String(value);
  return `${Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toFixed(1) : value.toExponential()}f`;
}

/** Expands lines from `start` until one of `stops`; returns the index of the line that stopped it. */
function expandBlock(
  lines: readonly string[],
  start: number,
  scope: Scope,
  loops: ReadonlySet<string>,
  out: string[] | undefined,
  stops: readonly string[],
): number {
  let at = start;
  while (at < lines.length) {
    const line = lines[at]!;
    const directive = /^\s*\/\/#\s*(\w+)\s*(.*?)\s*$/.exec(line);
    if (!directive) {
      out?.push(loops.size > 0 ? substitute(line, scope, loops) : line);
      at++;
      continue;
    }
    const [, word, rest] = directive as unknown as [string, string, string];
    if (stops.includes(word)) return at;
    if (word === 'if') {
      const take = out ? Boolean(parseExpression(rest)(scope)) : false;
      let close = expandBlock(lines, at + 1, scope, loops, take ? out : undefined, ['else', 'endif']);
      if (/^\s*\/\/#\s*else/.test(lines[close] ?? '')) {
        close = expandBlock(lines, close + 1, scope, loops, out && !take ? out : undefined, ['endif']);
      }
      if (close >= lines.length) throw new Error(`shader template: "//#if ${rest}" has no "//#endif"`);
      at = close + 1;
    } else if (word === 'for') {
      const head = /^(\w+)\s+in\s+(.+?)\.\.(.+)$/.exec(rest);
      if (!head) throw new Error(`shader template: expected "//#for I in A..B", got "${line.trim()}"`);
      const [, name, from, to] = head as unknown as [string, string, string, string];
      const first = out ? Number(parseExpression(from)(scope)) : 0;
      const last = out ? Number(parseExpression(to)(scope)) : 0;
      const inside = new Set([...loops, name]);
      let close = expandBlock(lines, at + 1, scope, inside, undefined, ['end']);
      for (let value = first; value < last; value++) {
        close = expandBlock(lines, at + 1, { ...scope, [name]: value }, inside, out, ['end']);
      }
      if (close >= lines.length) throw new Error(`shader template: "//#for ${rest}" has no "//#end"`);
      at = close + 1;
    } else {
      throw new Error(
        `shader template: expected if, else, endif, for or end, got "//#${word}" in line ${at + 1}`,
      );
    }
  }
  return at;
}

function substitute(line: string, scope: Scope, loops: ReadonlySet<string>): string {
  if (!line.includes('{')) return line;
  return line.replace(/\{([^{}]+)\}/g, (whole, text: string) => {
    if (!mentions(text, loops)) return whole;
    return String(parseExpression(text)(scope));
  });
}

function mentions(text: string, loops: ReadonlySet<string>): boolean {
  return (text.match(/[A-Za-z_]\w*/g) ?? []).some((name) => loops.has(name));
}
