/** What the pictures of image files are named by: the files' own names, as far as those tell them apart. */
import { UNPRINTABLE } from '../base/printable.js';
import { STDIN } from './inputs.js';

/** What some file system takes in no name. */
const FORBIDDEN = /[<>:"|?*/\\]/g;
/** Windows keeps these for devices, whatever the ending. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;
/** What numbers look like behind a name. */
const NUMBERED = /-\d{5,}$/;
/** File systems take 255 bytes; an ending, a number and the mark of a file that is being written come behind. */
const MOST_BYTES = 160;

/**
 * A name for each file, in their order: its own, without folder and ending; where several have one name, with the folder before it; where
 * that does not help, with the number behind it. Of all files of a command, so that shards and a run that goes on find the same names.
 * @returns names that are unique, whatever the case of their letters
 */
export function pictureNames(files: readonly string[]): string[] {
  const parts = files.map((file) => (file === STDIN ? ['stdin'] : file.split(/[/\\]/).filter(Boolean)));
  const own = parts.map((names) => named(names.at(-1) ?? ''));
  const isTwice = repeated(own);
  const wider = own.map((name, i) => {
    const folder = parts[i]!.at(-2);
    return isTwice(name) && folder !== undefined ? cut(`${named(`${folder}.`)}-${name}`) : name;
  });
  const isTwiceStill = repeated(wider);
  const some = wider.some(isTwiceStill);
  return wider.map((name, i) =>
    // A name that looks numbered could be that of another with its number.
    isTwiceStill(name) || RESERVED.test(name) || (some && NUMBERED.test(name))
      ? `${name}-${String(i).padStart(5, '0')}`
      : name,
  );
}

/** A file's name without its ending, fit for any disk. */
function named(file: string): string {
  const stem = file.normalize('NFC').replace(/\.[^.]*$/, '');
  return (
    cut(
      stem
        .replace(FORBIDDEN, '-')
        .replace(UNPRINTABLE, '-')
        .replace(/^[. ]+|[. ]+$/g, ''),
    ) || 'image'
  );
}

function cut(name: string): string {
  const characters = Array.from(name);
  while (Buffer.byteLength(characters.join('')) > MOST_BYTES) characters.pop();
  return characters.join('');
}

/** Whether a name is there more than once: disks that tell `A` from `a` are not all. */
function repeated(names: readonly string[]): (name: string) => boolean {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name.toLowerCase(), (counts.get(name.toLowerCase()) ?? 0) + 1);
  return (name) => counts.get(name.toLowerCase())! > 1;
}
