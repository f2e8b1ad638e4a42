/** One image, large, with all that is known of it. Arrow keys go on, Escape closes, the address names it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { outcomeOf, type PageImage } from '../../page-data.js';
import type { Prediction } from '../../run-files.js';
import { Lines } from '../charts/lines.js';
import { className, fixed } from '../format.js';
import { PredictionBars } from '../image/prediction-bars.js';
import { Stage, type StageMode } from '../image/stage.js';
import { changeText, outcomeNames, shortSource, useRun } from './context.js';

export interface LightboxProps {
  readonly image: PageImage;
  /** Its place among those that are shown, from 0; -1 where a filter hides it. */
  readonly place: number;
  readonly of: number;
  readonly onStep: (by: 1 | -1) => void;
  readonly onClose: () => void;
}

export function Lightbox({ image, place, of, onStep, onClose }: LightboxProps) {
  const { page } = useRun();
  const dialog = useRef<HTMLDialogElement>(null);
  const [mode, setMode] = useState<StageMode>('flip');
  const [showing, setShowing] = useState<'clean' | 'adversarial'>('adversarial');
  const flip = () => setShowing((was) => (was === 'clean' ? 'adversarial' : 'clean'));
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const slides = target instanceof HTMLInputElement && target.type === 'range';
    if (slides && event.key.startsWith('Arrow')) return;
    if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
      event.preventDefault();
      onStep(event.key === 'ArrowRight' ? 1 : -1);
    } else if (event.key === ' ' && target.closest('button, input') === null) {
      event.preventDefault();
      setMode('flip');
      flip();
    }
  };
  const outcome = outcomeOf(image);
  const { clean, adversarial, cam, mask } = image.pictures;
  return (
    <dialog
      ref={dialog}
      class="lightbox"
      aria-labelledby="lightbox-title"
      onKeyDown={onKey}
      onClose={onClose}
    >
      <header>
        <div class="lightbox-name">
          <h2 id="lightbox-title">{changeText(image, page.classes)}</h2>
          <p class="small muted source" title={image.source}>
            <span class={outcome}>{outcomeNames(page.labelled)[outcome]}</span> · {shortSource(image)}
            {place >= 0 && ` · ${place + 1} of ${of}`}
          </p>
        </div>
        <div class="lightbox-buttons">
          <button
            type="button"
            class="button"
            aria-label="Previous image"
            disabled={place === 0}
            onClick={() => onStep(-1)}
          >
            ←
          </button>
          <button
            type="button"
            class="button"
            aria-label="Next image"
            disabled={place === of - 1}
            onClick={() => onStep(1)}
          >
            →
          </button>
          <button type="button" class="button" aria-label="Close" onClick={() => dialog.current?.close()}>
            ✕
          </button>
        </div>
      </header>
      <div class="lightbox-body">
        {clean || adversarial ? (
          <Stage
            clean={clean}
            adversarial={adversarial}
            cam={cam}
            mask={mask}
            size={page.inputSize}
            mode={mode}
            onMode={setMode}
            showing={showing}
            onFlip={flip}
          />
        ) : (
          <p class="muted">The pictures of this image are missing.</p>
        )}
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
        <section class="lightbox-side" aria-label="Details" tabIndex={0}>
          <h3>Predictions</h3>
          <PredictionBars
            predictions={[
              { name: 'clean', shares: sharesOf(image.clean) },
              { name: 'adversarial', shares: sharesOf(image.adversarial) },
            ]}
            classes={page.classes}
            label={page.labelled ? image.label : undefined}
          />
          <h3>Perturbation</h3>
          <Measures image={image} />
          <TraceCharts image={image} />
        </section>
      </div>
    </dialog>
  );
}

/** Runs of earlier versions have the first alone. */
function sharesOf(prediction: Prediction) {
  return (prediction.top ?? [[prediction.class, prediction.confidence] as const]).map(
    ([index, confidence]) => ({
      class: index,
      confidence,
    }),
  );
}

function Measures({ image }: { readonly image: PageImage }) {
  const { page } = useRun();
  const [height, width] = page.inputSize;
  const share = (pixels: number) => `${pixels} pixels, ${((100 * pixels) / (height * width)).toFixed(0)} %`;
  const measures: readonly (readonly [string, ComponentChildren])[] = [
    ['l2', fixed(image.l2, 4)],
    ['linf', `${fixed(image.linf, 4)} = ${Math.round(image.linf * 255)}/255`],
    ['l1', fixed(image.l1, 3)],
    ['l0', fixed(image.l0, 0)],
    ['SSIM', fixed(image.ssim, 5)],
    ['CFR', image.cfr === 'empty' ? 'empty' : share(image.cfrPixels)],
    ['Region', share(image.regionPixels)],
    ['Steps', fixed(image.iterations, 0)],
    ['Propagations', `${image.forwards} forwards, ${image.backwards} backwards`],
    ...(image.photo ? [['Full size', <FullSize key="photo" image={image} />] as const] : []),
    ...(page.labelled ? [['True class', className(image.label, page.classes)] as const] : []),
  ];
  return (
    <dl class="measures">
      {measures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The adversarial photo in its own pixels, or why there is none. */
function FullSize({ image: { photo, pictures } }: { readonly image: PageImage }) {
  const { width, height, l2, linf, why } = photo!;
  if (l2 === null || linf === null) return <>none: {why}</>;
  const size = `${width} x ${height}`;
  const address = pictures['full-size'];
  return (
    <>
      {address ? <a href={address}>{size}</a> : size}, l2 {fixed(l2, 3)}, linf {Math.round(linf * 255)}/255
    </>
  );
}

function TraceCharts({ image: { trace } }: { readonly image: PageImage }) {
  if (!trace || trace.loss.length < 2) return null;
  const points = (values: readonly (number | null)[]) =>
    values.flatMap((y, i) => (y === null ? [] : [{ x: i * trace.every + 1, y }]));
  return (
    <>
      <h3>Over the steps</h3>
      {(['loss', 'l2'] as const).map((name) => (
        <Lines
          key={name}
          label={`${name} over the steps of the attack`}
          height={150}
          x="step"
          y={name}
          series={[{ name, points: points(trace[name]) }]}
        />
      ))}
    </>
  );
}
