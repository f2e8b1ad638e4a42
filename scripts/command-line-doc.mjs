/**
 * Writes docs/command-line.md: every command's help, as the program prints it (made from the tables of settings and the commands themselves).
 * `test/command-line-doc.test.ts` fails where the file is behind.
 *
 *     node scripts/command-line-doc.mjs
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pageForEsbuild } from './page-bundle.mjs';

const FILE = fileURLToPath(new URL('../docs/command-line.md', import.meta.url));

const HEAD = `# Command line

Made by \`node scripts/command-line-doc.mjs\` of what \`--help\` prints. \`cfr\` stands for \`npx cfr-attack\`, or \`npx cfr\` in a checkout.
`;

/** @param program of \`createProgram\`; @returns Markdown */
export function commandLineDoc(program) {
  const sections = [program, ...program.commands].map((command) => {
    const lines = [];
    // Help that is printed, with what is added after it; as wide everywhere.
    command.configureOutput({
      writeOut: (text) => lines.push(text),
      getOutHelpWidth: () => 110,
      getOutHasColors: () => false,
    });
    command.outputHelp();
    const title = command === program ? 'cfr' : `cfr ${command.name()}`;
    return `## ${title}\n\n\`\`\`text\n${lines.join('').trimEnd()}\n\`\`\`\n`;
  });
  return [HEAD, ...sections].join('\n');
}

/** The program as the sources have it. */
async function loadProgram() {
  const { build } = await import('esbuild');
  const { pathToFileURL } = await import('node:url');
  const { mkdtempSync, rmSync } = await import('node:fs');
  const { join } = await import('node:path');
  const root = fileURLToPath(new URL('..', import.meta.url));
  const folder = mkdtempSync(join(root, 'node_modules/.cfr-doc-'));
  try {
    const outfile = join(folder, 'program.mjs');
    await build({
      absWorkingDir: root,
      entryPoints: ['cli/program.ts'],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      loader: { '.wgsl': 'text' },
      plugins: [pageForEsbuild],
      logLevel: 'warning',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { createProgram } = await loadProgram();
  writeFileSync(FILE, commandLineDoc(createProgram({}, '')));
}
