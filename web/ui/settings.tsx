/** The controls of one attack: made from the method's own table of settings. */
import { METHODS, methodNamed } from '../../attack/methods/index.js';
import type { SettingError, SettingRow } from '../../attack/settings/rows.js';
import { chooseMethod, compareWith, otherMethod, set } from '../actions.js';
import type { LaneId } from '../protocol.js';
import { net, optionsOf, requests } from '../state.js';
import { spaced } from './format.js';

/** Shown without being asked for, where a method has them. */
const FIRST = ['mode', 'norm', 'region', 'tau', 'iterations', 'queries', 'epsilon', 'target'];
const REGIONS = ['all', 'cfr', 'outside-cfr', 'random-cfr'];

export function Attack({ id }: { id: LaneId }) {
  const request = requests.value[id];
  if (!request) return null;
  const { method, settings } = request;
  const { table, source } = methodNamed(method);
  const resolved = resolve(id);
  const rows = Object.entries(table).filter(
    ([name, row]) => (row.only === undefined || applies(row, resolved.values)) && !(name === 'patch'),
  );
  const first = FIRST.flatMap((name) => rows.filter(([key]) => key === name));
  const more = rows.filter((row) => !first.includes(row));
  const changed = more.filter(([name]) => settings[name] !== undefined).length;
  const field = ([name, row]: readonly [string, SettingRow]) => (
    <Field key={name} id={id} name={name} row={row} text={settings[name]} standard={resolved.values[name]} />
  );
  return (
    <section class="card" aria-labelledby={`method-title-${id}`}>
      <h2 id={`method-title-${id}`}>{id === 0 ? 'Method' : 'Second method'}</h2>
      <select
        aria-labelledby={`method-title-${id}`}
        value={method}
        onChange={({ currentTarget }) => chooseMethod(id, currentTarget.value)}
      >
        {METHODS.filter(({ table: rowsOf }) => !('patch' in rowsOf)).map((one) => (
          <option key={one.name} value={one.name}>
            {one.name} · {one.title}
          </option>
        ))}
      </select>
      <p class="small">{source}</p>
      <div class="fields">{first.map(field)}</div>
      <details>
        <summary>All settings{changed > 0 && ` (${changed} changed)`}</summary>
        <div class="fields">{more.map(field)}</div>
      </details>
      {resolved.error !== undefined && (
        <p class="error" role="alert">
          {resolved.error}
        </p>
      )}
      {id === 0 && requests.value[1] === undefined && (
        <button type="button" class="quiet" onClick={() => compareWith(otherMethod(method))}>
          Compare with another method
        </button>
      )}
      {id === 1 && (
        <button type="button" class="quiet" onClick={() => compareWith(undefined)}>
          Remove
        </button>
      )}
    </section>
  );
}

/** The settings as the method takes them; those it refuses are told. */
function resolve(id: LaneId): { values: Readonly<Record<string, unknown>>; error: string | undefined } {
  const { method: name, ...given } = optionsOf(requests.value[id]!);
  const method = methodNamed(name);
  const { height = 32, classes = 10 } = net.value ?? {};
  const of = { inputSize: height, classes };
  try {
    return { values: method.settings(given, of), error: undefined };
  } catch (error) {
    const { setting } = error as SettingError;
    const { [setting]: _, ...others } = given;
    const message = (error as Error).message;
    try {
      return { values: method.settings(others, of), error: message };
    } catch {
      return { values: given, error: message };
    }
  }
}

export function canAttack(id: LaneId): boolean {
  return resolve(id).error === undefined;
}

function applies({ only }: SettingRow, values: Readonly<Record<string, unknown>>): boolean {
  const [other, ...wanted] = only!;
  return wanted.includes(values[other] as string | boolean);
}

interface FieldProps {
  readonly id: LaneId;
  readonly name: string;
  readonly row: SettingRow;
  /** As the visitor set it; undefined: the default. */
  readonly text: string | undefined;
  readonly standard: unknown;
}

function Field({ id, name, row, text, standard }: FieldProps) {
  const change = (value: string) => set(id, name, value === '' ? undefined : value);
  const control = `setting-${id}-${name}`;
  const current = text ?? shown(standard, row);
  const choices = name === 'target' ? net.value?.labels : name === 'region' ? REGIONS : row.choices;
  return (
    <label class="field" for={control} title={row.help}>
      <span>
        {spaced(name)}
        {row.unit !== undefined && <small> {row.unit}</small>}
      </span>
      {row.flag ? (
        <input
          id={control}
          type="checkbox"
          checked={current === 'true'}
          onChange={({ currentTarget }) => change(String(currentTarget.checked))}
        />
      ) : choices ? (
        <select
          id={control}
          value={text ?? (row.optional ? '' : current)}
          onChange={({ currentTarget }) => change(currentTarget.value)}
        >
          {row.optional && <option value="">{name === 'target' ? 'any other class' : 'none'}</option>}
          {choices.map((choice, i) => (
            <option key={choice} value={name === 'target' ? String(i) : choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={control}
          type="text"
          inputMode={row.choices ? 'text' : 'decimal'}
          spellcheck={false}
          value={text ?? ''}
          placeholder={current}
          onChange={({ currentTarget }) => change(currentTarget.value.trim())}
        />
      )}
    </label>
  );
}

function shown(value: unknown, { unit }: SettingRow): string {
  if (value === undefined) return '';
  if (typeof value !== 'number' || Number.isInteger(value)) return String(value);
  const levels = value * 255;
  // 8/255, as such budgets are written.
  return unit === '[0,1]' && Math.abs(levels - Math.round(levels)) < 1e-6
    ? `${Math.round(levels)}/255`
    : String(Number(value.toPrecision(4))).replace(/^0\./, '.');
}
