/** A CSV file (RFC 4180) of an image's path and its class a line: an index from 0, a WordNet id or a name. */

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../base/errors.js';
import { printable } from '../base/printable.js';
import { checkIndex, type Dataset } from './dataset.js';
import { IMAGE_NAME, readImage } from './image-files.js';
import { checkInside, checkName, lines } from './image-lists.js';
import { assignLabels, assignmentText } from './labels.js';

/**
 * Opens the images that the file lists; paths are relative to its folder and stay in it. A first line without an image is the
 * head. The first two columns count.
 * @param labels the net's classes, in the order of its outputs
 * @throws UserError for a line of another form, and for classes that the net has not
 */
export async function openCsv(path: string, labels?: readonly string[]): Promise<Dataset> {
  const name = `csv:${path}`;
  const folder = dirname(path);
  const rows = (await lines(path)).map((line) => fields(line));
  if (rows[0] && !IMAGE_NAME.test(rows[0][0] ?? '')) rows.shift();
  const listed = rows.map(([file, text], i) => {
    const where = `${path}, image ${i + 1}`;
    if (!file || !text)
      throw new UserError(`${where}: expected a file and its class, got "${printable(file ?? '')}"`);
    return { file: checkName(file, where), text };
  });
  const first = listed[0];
  if (!first) throw new UserError(`${path}: expected a line per image, got none`);
  const assigned = assignLabels([...new Set(listed.map(({ text }) => text))], {
    name,
    ...(labels ? { labels } : {}),
  });
  return {
    name,
    length: listed.length,
    classes: assigned.classes,
    assignment: assignmentText(assigned.how, first.file, assigned.labelOf(first.text), assigned.classes),
    async digest() {
      const hash = createHash('sha256');
      // Not of the contents, which would be read twice: gigabytes.
      for (const { file, text } of listed) {
        const size = statSync(join(folder, file), { throwIfNoEntry: false })?.size;
        hash.update(`${JSON.stringify([file, text, size])}\n`);
      }
      return hash.digest('hex');
    },
    async get(index) {
      checkIndex(name, index, listed.length);
      const { file, text } = listed[index]!;
      await checkInside(folder, join(folder, file));
      return {
        index,
        source: file,
        label: assigned.labelOf(text),
        image: await readImage(join(folder, file)),
      };
    },
  };
}

/** The fields of a line, without the quotes that a comma in one needs. */
function fields(line: string): string[] {
  return [...line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? plain!.trim() : quoted.replaceAll('""', '"'),
  );
}
