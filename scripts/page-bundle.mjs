/**
 * The report's page as text: `report/ui/` bundled for browsers, taken into another bundle (esbuild) or test (Vitest) as the module
 * `cfr:report-page`, which exports `script` and `style`.
 */
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ID = 'cfr:report-page';

/** The source of that module, and the files that it was made of. */
export async function pageModule() {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: { page: 'report/ui/main.tsx' },
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    outdir: 'dist',
    logLevel: 'warning',
    metafile: true,
    write: false,
  });
  const text = (kind) => outputFiles.find(({ path }) => path.endsWith(kind))?.text ?? '';
  return {
    source: `export const script = ${JSON.stringify(text('.js'))};\nexport const style = ${JSON.stringify(text('.css'))};\n`,
    inputs: Object.keys(metafile.inputs),
  };
}

/** @type {import('esbuild').Plugin} */
export const pageForEsbuild = {
  name: ID,
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^${ID}$`) }, () => ({ path: ID, namespace: 'page', sideEffects: false }));
    onLoad({ filter: /.*/, namespace: 'page' }, async () => ({ contents: (await pageModule()).source }));
  },
};

export const pageForVitest = {
  name: ID,
  enforce: 'pre',
  resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
  load: async (id) => (id === `\0${ID}` ? (await pageModule()).source : undefined),
};
