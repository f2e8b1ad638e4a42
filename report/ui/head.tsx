/** The parts that all pages of results begin and end with. */
import type { FactGroup, Figure, FileLink } from '../page-data.js';
import { figureText } from './format.js';

export function Head({
  title,
  subtitle,
  files,
}: {
  title: string;
  subtitle: string;
  files: readonly FileLink[];
}) {
  return (
    <header class="page-head">
      <div>
        <h1>{title}</h1>
        <p>{subtitle}</p>
      </div>
      {files.length > 0 && (
        <nav aria-label="Files">
          <ul class="files">
            {files.map(({ name, href, what }) => (
              <li key={href}>
                <a href={href} title={what}>
                  {name}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      )}
    </header>
  );
}

export function Figures({ figures }: { readonly figures: readonly Figure[] }) {
  return (
    <dl class="figures">
      {figures.map((figure) => (
        <div key={figure.name} class="card">
          <dt>{figure.name}</dt>
          <dd class="value">{figureText(figure, figure.value)}</dd>
          {figure.interval !== undefined && (
            <dd class="interval muted" title="95 % interval">
              {figure.interval &&
                figure.value !== null &&
                `${figureText(figure, figure.interval.low).replace(/ %$/, '')} – ${figureText(figure, figure.interval.high)}`}
            </dd>
          )}
          <dd class="hint">{figure.hint}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Warnings({ warnings }: { readonly warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <section class="card warnings" aria-label="Warnings">
      <h3>{warnings.length === 1 ? 'Warning' : 'Warnings'}</h3>
      <ul>
        {warnings.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
    </section>
  );
}

export function Facts({ groups }: { readonly groups: readonly FactGroup[] }) {
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">Where this comes from</h2>
      <div class="facts">
        {groups.map(({ title, facts }) => (
          <section key={title} class="card">
            <h3>{title}</h3>
            <dl>
              {facts.map(([name, value]) => (
                <div key={`${name} ${value}`}>
                  <dt>{name}</dt>
                  <dd>{isCode(name) ? <code>{value}</code> : value}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </section>
  );
}

/** What is copied, not read. */
function isCode(name: string): boolean {
  return ['Command', 'Weights', 'Images'].includes(name);
}
