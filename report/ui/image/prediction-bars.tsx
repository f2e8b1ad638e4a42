/** The likeliest classes of one or more predictions beside each other, as bars. */
import { className, percentText } from '../format.js';
import './image.css';

export interface ClassShare {
  readonly class: number;
  readonly confidence: number;
}

export interface PredictionBarsProps {
  /** In the order of the columns: before and after, say. */
  readonly predictions: readonly { readonly name: string; readonly shares: readonly ClassShare[] }[];
  readonly classes: readonly string[];
  /** Marked as the true one. */
  readonly label?: number | undefined;
  /** Rows at most. */
  readonly most?: number;
}

/** A row for each class that is among the likeliest of any prediction. */
export function PredictionBars({ predictions, classes, label, most = 5 }: PredictionBarsProps) {
  const shares = predictions.map(
    ({ shares: own }) => new Map(own.map(({ class: c, confidence }) => [c, confidence])),
  );
  const seen = [
    ...new Set(predictions.flatMap(({ shares: own }) => own.slice(0, most).map((one) => one.class))),
  ];
  const order = seen
    .map((index) => ({ index, best: Math.max(...shares.map((own) => own.get(index) ?? 0)) }))
    .sort((a, b) => b.best - a.best)
    .slice(0, most + 2);
  return (
    <table class="predictions">
      <thead>
        <tr>
          <th scope="col">class</th>
          {predictions.map(({ name }) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {order.map(({ index }) => (
          <tr key={index}>
            <th scope="row">
              {className(index, classes)}
              {index === label && <span class="true-class"> (true)</span>}
            </th>
            {shares.map((own, i) => {
              const share = own.get(index);
              return (
                <td key={predictions[i]!.name} class={i === 0 ? 'before' : 'after'}>
                  <span class="share">
                    <span class="share-text">{share === undefined ? '–' : percentText(share)}</span>
                    <span class="share-track">
                      <span class="share-bar" style={{ width: `${(100 * (share ?? 0)).toFixed(1)}%` }} />
                    </span>
                  </span>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
