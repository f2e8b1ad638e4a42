/**
 * Builds the page into `dist/web` (static files for any host) and serves it on this machine.
 *
 *     node scripts/web.mjs [--build] [--port N]      --build: no server
 */
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'dist/web');

export async function buildWeb() {
  const { build } = await import('esbuild');
  rmSync(folder, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: {
      main: 'web/main.tsx',
      worker: 'web/worker.ts',
      'bench/main': 'web/bench/main.tsx',
      'bench/worker': 'web/bench/worker.ts',
    },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    loader: { '.wgsl': 'text' },
    logLevel: 'warning',
  });
  mkdirSync(join(folder, 'weights'), { recursive: true });
  for (const page of ['index.html', 'bench/index.html']) cpSync(join(root, 'web', page), join(folder, page));
  cpSync(join(root, 'data/sample'), join(folder, 'sample'), { recursive: true });
  for (const file of readdirSync(join(root, 'weights/files')))
    cpSync(join(root, 'weights/files', file), join(folder, 'weights', file));
  return folder;
}

/** @returns a server of the built page at `port` of this machine only; 0: any */
export async function serveWeb(port) {
  const { default: sirv } = await import('sirv');
  const files = sirv(folder, { etag: true, dev: true });
  const server = createServer((request, response) =>
    files(request, response, () => response.writeHead(404).end('not found')),
  );
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const { values } = parseArgs({
      options: { build: { type: 'boolean' }, port: { type: 'string', default: '5173' } },
    });
    console.log(`built: ${await buildWeb()} (static files for any host)`);
    if (!values.build) {
      const server = await serveWeb(Number(values.port));
      console.log(`open http://localhost:${server.address().port}/ (Ctrl-C ends it)`);
    }
  } catch (error) {
    // esbuild has printed its own errors with their source lines.
    if (!error.errors) console.error(`web: ${error.message}`);
    process.exitCode = 1;
  }
}
