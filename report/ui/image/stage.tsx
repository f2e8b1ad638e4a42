/** An attacked image, large: flipped between clean and adversarial, wiped, under its heat map, or its perturbation. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Segments } from '../segments.js';
import { HeatFilters } from './heat.js';
import { Perturbation, PerturbationScale } from './perturbation.js';
import './image.css';

export const STAGE_MODES = ['flip', 'wipe', 'heat', 'perturbation'] as const;
export type StageMode = (typeof STAGE_MODES)[number];

export const STAGE_NAMES: Readonly<Record<StageMode, string>> = {
  flip: 'Flip',
  wipe: 'Wipe',
  heat: 'Heat map',
  perturbation: 'Perturbation',
};

export interface StageProps {
  /** Addresses of pictures of one size; what is not there has no mode. */
  readonly clean?: string | undefined;
  readonly adversarial?: string | undefined;
  /** The map as grey levels. */
  readonly cam?: string | undefined;
  /** Where pixels might change, as grey levels. */
  readonly mask?: string | undefined;
  readonly size: readonly [height: number, width: number];
  readonly mode: StageMode;
  readonly onMode: (mode: StageMode) => void;
  /** Of the flip. */
  readonly showing: 'clean' | 'adversarial';
  readonly onFlip: () => void;
}

export const MOST_TIMES = 50;
/** Below this side an image's pixels are shown as squares. */
export const SHARP_BELOW = 96;

export function Stage(props: StageProps) {
  const { clean, adversarial, cam, mask, size, mode, showing, onFlip, onMode } = props;
  const [wipe, setWipe] = useState(50);
  const [opacity, setOpacity] = useState(60);
  const [outline, setOutline] = useState(true);
  const [times, setTimes] = useState(20);
  const [ref, [height, width]] = useFit(size);
  const sharp = Math.max(...size) < SHARP_BELOW ? ' sharp' : '';
  const modes = STAGE_MODES.filter((each) =>
    each === 'heat' ? clean && (cam || mask) : clean && adversarial,
  );
  const picture = (address: string | undefined, alt: string, more = '') =>
    address && <img class={`layer${sharp}${more}`} src={address} alt={alt} draggable={false} />;
  return (
    <div class="stage">
      <HeatFilters />
      <Segments
        label="What is shown"
        choices={modes}
        chosen={mode}
        onChoose={onMode}
        show={(each) => STAGE_NAMES[each]}
      />
      <div ref={ref} class="stage-room">
        <div class="stage-picture" style={{ width: `${width}px`, height: `${height}px` }}>
          {mode === 'flip' && (
            <button type="button" class="flip" onClick={onFlip} aria-label={`${showing} image; flip (space)`}>
              {picture(clean, '')}
              {picture(adversarial, '', showing === 'clean' ? ' away' : '')}
            </button>
          )}
          {mode === 'wipe' && (
            <>
              {picture(clean, 'Clean image')}
              <div class="layer" style={{ clipPath: `inset(0 0 0 ${wipe}%)` }}>
                {picture(adversarial, 'Adversarial image')}
              </div>
              <div class="wipe-line" style={{ left: `${wipe}%` }} />
              <input
                class="wipe"
                type="range"
                min="0"
                max="100"
                value={wipe}
                aria-label="Wipe: clean on the left, adversarial on the right"
                onInput={(event) => setWipe(Number(event.currentTarget.value))}
              />
            </>
          )}
          {mode === 'heat' && (
            <>
              {picture(clean, 'Clean image')}
              {cam && (
                <div class="layer heat" style={{ opacity: opacity / 100 }}>
                  <img class="layer" src={cam} alt="Grad-CAM map as heat" />
                </div>
              )}
              {mask && outline && (
                <div class="layer outline">
                  <img class={`layer${sharp}`} src={mask} alt="Border of the region" />
                </div>
              )}
            </>
          )}
          {mode === 'perturbation' && clean && adversarial && (
            <Perturbation
              class={`layer${sharp}`}
              clean={clean}
              adversarial={adversarial}
              times={times}
              label={`Perturbation, ${times} times`}
            />
          )}
        </div>
      </div>
      <div class="stage-controls">
        {mode === 'flip' && (
          <p class="small">
            Showing the <strong>{showing}</strong> image.{' '}
            <span class="muted">Space, or a click on it, flips.</span>
          </p>
        )}
        {mode === 'wipe' && (
          <p class="small">
            <span class="muted">Left of the line:</span> clean. <span class="muted">Right of it:</span>{' '}
            adversarial.
          </p>
        )}
        {mode === 'heat' && (
          <>
            <Slider
              name="Opacity"
              value={opacity}
              least={0}
              most={100}
              text={`${opacity} %`}
              onValue={setOpacity}
            />
            {mask && (
              <label class="check">
                <input type="checkbox" checked={outline} onChange={() => setOutline(!outline)} /> region
              </label>
            )}
          </>
        )}
        {mode === 'perturbation' && (
          <>
            <Slider
              name="Amplified"
              value={times}
              least={1}
              most={MOST_TIMES}
              text={`× ${times}`}
              onValue={setTimes}
            />
            <PerturbationScale times={times} />
          </>
        )}
      </div>
    </div>
  );
}

interface SliderProps {
  readonly name: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly text: string;
  readonly onValue: (value: number) => void;
}

function Slider({ name, value, least, most, text, onValue }: SliderProps) {
  return (
    <label class="slider">
      <span>{name}</span>
      <input
        type="range"
        min={least}
        max={most}
        value={value}
        aria-valuetext={text}
        onInput={(event) => onValue(Number(event.currentTarget.value))}
      />
      <output>{text}</output>
    </label>
  );
}

/** The largest size that fits: of small images a whole multiple, so that all squares are alike. */
function useFit([height, width]: readonly [number, number]) {
  const ref = useRef<HTMLDivElement>(null);
  const [fit, setFit] = useState<readonly [number, number]>([height, width]);
  useLayoutEffect(() => {
    const room = ref.current;
    if (!room) return undefined;
    const measure = () => {
      const scale = Math.min(room.clientWidth / width, room.clientHeight / height);
      const whole = Math.max(height, width) < SHARP_BELOW ? Math.max(1, Math.floor(scale)) : scale;
      setFit([Math.floor(height * whole), Math.floor(width * whole)]);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(room);
    measure();
    return () => observer.disconnect();
  }, [height, width]);
  return [ref, fit] as const;
}
