/** Only what is near the window is in the page: rows of one height, of which there may be 10,000. */
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';

export interface Window {
  readonly first: number;
  /** Behind the last. */
  readonly end: number;
}

/** Rows above and below the window: as far as a flick of the wheel goes before the next frame. */
const SPARE = 6;
/** More rows than this no one prints. */
const MOST_PRINTED = 1000;

/**
 * The rows to draw.
 * @param box what holds the rows, at its full height
 * @param scroller what scrolls; null: the window
 */
export function useRows(
  box: { readonly current: HTMLElement | null },
  scroller: { readonly current: HTMLElement | null } | null,
  count: number,
  height: number,
): Window {
  const [shown, setShown] = useState<Window>({ first: 0, end: Math.min(count, 30) });
  const [printing, setPrinting] = useState(false);
  useEffect(() => {
    const media = matchMedia('print');
    const follow = () => setPrinting(media.matches);
    const before = () => setPrinting(true);
    const after = () => setPrinting(false);
    follow();
    media.addEventListener('change', follow);
    addEventListener('beforeprint', before);
    addEventListener('afterprint', after);
    return () => {
      media.removeEventListener('change', follow);
      removeEventListener('beforeprint', before);
      removeEventListener('afterprint', after);
    };
  }, []);
  useLayoutEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      if (!box.current) return;
      const top =
        box.current.getBoundingClientRect().top - (scroller?.current?.getBoundingClientRect().top ?? 0);
      const room = scroller?.current?.clientHeight ?? innerHeight;
      const first = Math.max(0, Math.floor(-top / height) - SPARE);
      const end = Math.min(count, Math.ceil((room - top) / height) + SPARE);
      setShown((was) =>
        was.first === first && was.end === Math.max(first, end) ? was : { first, end: Math.max(first, end) },
      );
    };
    const later = () => {
      frame ||= requestAnimationFrame(measure);
    };
    const target = scroller?.current ?? window;
    target.addEventListener('scroll', later, { passive: true });
    addEventListener('resize', later);
    measure();
    return () => {
      cancelAnimationFrame(frame);
      target.removeEventListener('scroll', later);
      removeEventListener('resize', later);
    };
  }, [box, scroller, count, height]);
  return printing ? { first: 0, end: Math.min(count, MOST_PRINTED) } : shown;
}
