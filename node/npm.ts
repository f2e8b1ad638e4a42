/**
 * Packages as archives, by npm's own client: its settings (registry, proxy) hold, and it checks the registry's checksums.
 * Nothing is installed and no script of the package runs.
 */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Fetches `specifier` (name@version) into `folder`, which holds no other archive; `options` are further ones of `npm pack`.
 * @returns the path of the archive (.tgz)
 * @throws Error in one line: no npm, or npm's own reason
 */
export async function npmPack(
  specifier: string,
  folder: string,
  options: readonly string[] = [],
): Promise<string> {
  await npm(['pack', specifier, '--pack-destination', folder, '--loglevel=error', ...options], folder).catch(
    (error: Error) => {
      throw new Error(`npm pack ${specifier}: ${error.message}`);
    },
  );
  const name = (await readdir(folder)).find((entry) => entry.endsWith('.tgz'));
  if (!name) throw new Error(`npm pack ${specifier}: expected an archive, got none`);
  return join(folder, name);
}

function npm(args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // On Windows npm is a script that only a shell starts; no argument holds anything to escape but folders.
    const windows = process.platform === 'win32';
    const child = spawn('npm', windows ? args.map((arg) => `"${arg}"`) : [...args], {
      cwd,
      shell: windows,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text;
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      reject(new Error(missing ? 'expected npm on the path (it comes with Node), got none' : error.message));
    });
    child.on('close', (code) => {
      if (code === 0) return resolve();
      reject(
        new Error(`${reasonIn(complaints) ?? `exit code ${code}`}; check the connection and npm's settings`),
      );
    });
  });
}

/** What npm says went wrong, without its codes and the path of its log. */
function reasonIn(complaints: string): string | undefined {
  return (
    /reason: (.+)/.exec(complaints)?.[1] ??
    /^npm (?:error|ERR!) (?!code|errno|A complete log)(.+)/m.exec(complaints)?.[1]
  );
}
