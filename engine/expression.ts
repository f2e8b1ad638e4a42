/**
 * The expressions of the kernel templates: numbers, booleans, names and JavaScript's arithmetic, comparison and logical operators
 * with their precedence. Parsed once per text into closures; no `eval`, so pages with a strict content policy can use it.
 */
export type Value = number | boolean;
export type Scope = Readonly<Record<string, Value>>;
/** The expression's value in a scope. @throws Error that names what the scope lacks */
export type Expression = (scope: Scope) => Value;

/** Binary operators, loosest first; all associate to the left. */
const LEVELS: readonly Readonly<Record<string, (a: Value, b: Value) => Value>>[] = [
  { '||': (a, b) => a || b },
  { '&&': (a, b) => a && b },
  { '==': (a, b) => a === b, '!=': (a, b) => a !== b },
  { '<': (a, b) => a < b, '<=': (a, b) => a <= b, '>': (a, b) => a > b, '>=': (a, b) => a >= b },
  { '+': (a, b) => Number(a) + Number(b), '-': (a, b) => Number(a) - Number(b) },
  {
    '*': (a, b) => Number(a) * Number(b),
    '/': (a, b) => Number(a) / Number(b),
    '%': (a, b) => Number(a) % Number(b),
  },
];

const cache = new Map<string, Expression>();

/** @throws Error on a text that is no expression */
export function parseExpression(text: string): Expression {
  const known = cache.get(text);
  if (known) return known;
  const parsed = parse(text);
  cache.set(text, parsed);
  return parsed;
}

function parse(text: string): Expression {
  const tokens = text.match(/\d+(?:\.\d+)?|[A-Za-z_]\w*|\|\||&&|[=!<>]=|[-+*/%()<>!?:]|\S/g) ?? [];
  let at = 0;
  const wrong = (): never => {
    throw new Error(`shader template: expected an arithmetic expression, got "${text}"`);
  };
  const expect = (token: string) => {
    if (tokens[at++] !== token) wrong();
  };

  function conditional(): Expression {
    const condition = binary(0);
    if (tokens[at] !== '?') return condition;
    at++;
    const yes = conditional();
    expect(':');
    const no = conditional();
    return (scope) => (condition(scope) ? yes(scope) : no(scope));
  }

  function binary(level: number): Expression {
    const operators = LEVELS[level];
    if (!operators) return unary();
    let left = binary(level + 1);
    for (let operator = operators[tokens[at] ?? '']; operator; operator = operators[tokens[at] ?? '']) {
      at++;
      const [apply, a, b] = [operator, left, binary(level + 1)];
      left = (scope) => apply(a(scope), b(scope));
    }
    return left;
  }

  function unary(): Expression {
    const token = tokens[at++] ?? wrong();
    if (token === '-' || token === '!') {
      const operand = unary();
      return token === '-' ? (scope) => -Number(operand(scope)) : (scope) => !operand(scope);
    }
    if (token === '(') {
      const inner = conditional();
      expect(')');
      return inner;
    }
    if (/^\d/.test(token)) {
      const number = Number(token);
      return () => number;
    }
    if (token === 'true' || token === 'false') return () => token === 'true';
    if (!/^[A-Za-z_]/.test(token)) return wrong();
    return (scope) => {
      const value = scope[token];
      if (value === undefined) {
        throw new Error(
          `shader template: "${text}" names "${token}", known are ${Object.keys(scope).join(', ')}`,
        );
      }
      return value;
    };
  }

  const expression = conditional();
  if (at !== tokens.length) wrong();
  return expression;
}
