/** Images as cards: original, adversarial, one line. The layout of phones. */
import { useRef } from 'preact/hooks';
import { outcomeOf, type PageImage } from '../../page-data.js';
import { SHARP_BELOW } from '../image/stage.js';
import { useWidth } from '../use.js';
import { changeText, outcomeNames, shortSource, useRun } from './context.js';
import { useRows } from './virtual.js';

const GAP = 12;
const LEAST = 250;
/** Of a card, without its pictures. */
const TEXT_HEIGHT = 62;

export function Grid({ shown }: { readonly shown: readonly PageImage[] }) {
  const [ref, width] = useWidth<HTMLUListElement>(1200);
  const across = Math.max(1, Math.floor((width + GAP) / (LEAST + GAP)));
  const side = (width - (across - 1) * GAP) / across;
  const row = Math.round(side / 2) + TEXT_HEIGHT + GAP;
  const rows = Math.ceil(shown.length / across);
  const box = useRef<HTMLElement | null>(null);
  const { first, end } = useRows(box, null, rows, row);
  return (
    <ul
      ref={(element) => {
        box.current = element;
        ref.current = element;
      }}
      class="grid"
      style={{
        gridTemplateColumns: `repeat(${across}, minmax(0, 1fr))`,
        paddingTop: `${first * row}px`,
        paddingBottom: `${Math.max(0, rows - end) * row}px`,
      }}
      aria-label={`${shown.length} images`}
    >
      {shown.slice(first * across, end * across).map((image, i) => (
        <Card
          key={image.index}
          image={image}
          place={first * across + i + 1}
          of={shown.length}
          height={row - GAP}
        />
      ))}
    </ul>
  );
}

interface CardProps {
  readonly image: PageImage;
  readonly place: number;
  readonly of: number;
  readonly height: number;
}

function Card({ image, place, of, height }: CardProps) {
  const { page } = useRun();
  const outcome = outcomeOf(image);
  const { clean, adversarial } = image.pictures;
  const sharp = Math.max(...page.inputSize) < SHARP_BELOW ? 'sharp' : '';
  return (
    <li aria-setsize={of} aria-posinset={place} style={{ height: `${height}px` }}>
      <a class="card image-card" href={`#image=${image.index}`}>
        <span class="pair">
          {clean ? (
            <img class={sharp} src={clean} alt="" decoding="async" />
          ) : (
            <span class="gone">no picture</span>
          )}
          {adversarial ? (
            <img class={sharp} src={adversarial} alt="" decoding="async" />
          ) : (
            <span class="gone">no picture</span>
          )}
        </span>
        <span class="line">
          <span class="change">{changeText(image, page.classes)}</span>
          <span class="muted small number">l2 {image.l2.toFixed(3)}</span>
        </span>
        <span class="line small">
          <span class={outcome}>{outcomeNames(page.labelled)[outcome]}</span>
          <span class="muted source">{shortSource(image)}</span>
        </span>
      </a>
    </li>
  );
}
