#!/usr/bin/env node
// Starts the command line. In a checkout it first installs and builds what is missing or older than the sources.
import { existsSync } from 'node:fs';

const major = Number.parseInt(process.versions.node, 10);
if (major < 20) {
  console.error(`cfr: expected Node 20 or newer, got ${process.versions.node}; update Node`);
  process.exit(1);
}

try {
  // Only a checkout has the sources.
  if (existsSync(new URL('../index.ts', import.meta.url)))
    await (await import('../scripts/setup.mjs')).setup();
} catch (error) {
  console.error(`cfr: ${error.message}`);
  process.exit(1);
}
try {
  await import('../dist/cli.js');
} catch (error) {
  const scarce = error.code === 'EMFILE' || error.code === 'ENFILE';
  console.error(`cfr: ${scarce ? 'too many open files; allow more with `ulimit -n`' : error.stack}`);
  process.exit(1);
}
