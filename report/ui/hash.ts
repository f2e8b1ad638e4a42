/** The part of the address behind "#", as names and values: what is shown can be linked to. */
import { useEffect, useState } from 'preact/hooks';

export type Hash = Readonly<Record<string, string>>;

export function readHash(text: string): Hash {
  return Object.fromEntries(new URLSearchParams(text.replace(/^#/, '')));
}

function write(hash: Hash): void {
  const text = new URLSearchParams(hash).toString();
  history.replaceState(null, '', text === '' ? location.pathname + location.search : `#${text}`);
}

/** The address' names and values, and a way to change some; undefined or empty removes one. */
export function useHash(): [Hash, (change: Readonly<Record<string, string | undefined>>) => void] {
  const [hash, setHash] = useState(() => readHash(location.hash));
  useEffect(() => {
    const follow = () => {
      const now = readHash(location.hash);
      // A link to an image leaves the rest as it is.
      const next = Object.keys(now).length === 1 && 'image' in now ? { ...hash, ...now } : now;
      write(next);
      setHash(next);
    };
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, [hash]);
  const change = (changes: Readonly<Record<string, string | undefined>>) => {
    const next = Object.fromEntries(
      Object.entries({ ...hash, ...changes }).filter((entry): entry is [string, string] => Boolean(entry[1])),
    );
    write(next);
    setHash(next);
  };
  return [hash, change];
}
