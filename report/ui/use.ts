/** Hooks that several components need. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** The width of an element's content box in pixels, followed. */
export function useWidth<T extends HTMLElement>(first = 600) {
  const ref = useRef<T>(null);
  const [width, setWidth] = useState(first);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(entry!.contentRect.width));
    observer.observe(element);
    setWidth(element.clientWidth || first);
    return () => observer.disconnect();
  }, [first]);
  return [ref, width] as const;
}

/** Whether a media query holds, followed. */
export function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const follow = () => setHolds(media.matches);
    follow();
    media.addEventListener('change', follow);
    return () => media.removeEventListener('change', follow);
  }, [query]);
  return holds;
}
