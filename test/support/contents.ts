/** What is in a folder of a run. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Names and contents of the files of a run, its parts left out. */
export function contentsOf(folder: string): Map<string, string> {
  const files = (readdirSync(folder, { recursive: true }) as string[]).filter(
    (name) => !name.startsWith('parts') && statSync(join(folder, name)).isFile(),
  );
  return new Map(files.sort().map((name) => [name, readFileSync(join(folder, name), 'latin1')]));
}
