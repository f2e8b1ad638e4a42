/** Finds the file of a registered net: shipped with the package, in the cache folder, or fetched into it. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { OnProgress } from '../base/progress.js';
import { download, sha256OfFile } from '../node/download.js';
import { cacheFolder, packageFolder } from '../node/files.js';
import { findNet, type RegisteredNet, TORCHVISION_URL } from './registry.js';

/** Where fetched nets come from and are kept; everything has a default. */
export interface ResolveOptions {
  /** Told of the bytes that came, the size first. */
  readonly onProgress?: OnProgress;
  /** Where fetched nets are kept; default: `cacheFolder()`. */
  readonly folder?: string;
  /** Takes the place of torchvision's address: a mirror's, ending in a slash. */
  readonly baseUrl?: string;
}

/**
 * The path of a registered net's weights, checked against its sha256. What does not ship is fetched once: the size is
 * reported first, then progress.
 * @throws UserError for an unknown name
 * @throws Error where fetching fails or a file does not match its checksum
 */
export async function resolveModel(name: string, options: ResolveOptions = {}): Promise<string> {
  const net = findNet(name);
  const path = pathOf(net, options.folder);
  if (!existsSync(path)) {
    if (net.url === undefined)
      throw new Error(
        `${path}: the net ${name} ships with the package, but its file is missing; install it again`,
      );
    const url = options.baseUrl === undefined ? net.url : net.url.replace(TORCHVISION_URL, options.baseUrl);
    await download(url, path, { sha256: net.sha256, onProgress: options.onProgress });
    return path;
  }
  const got = await sha256OfFile(path);
  if (!got.startsWith(net.sha256)) {
    throw new Error(
      `${path}: expected sha256 ${net.sha256}, got ${got}; delete the file${net.url ? ' to fetch it again' : ' and install the package again'}`,
    );
  }
  return path;
}

/** Where the file of a registered net is, unchecked; undefined where it is yet to be fetched. */
export function localFile(net: RegisteredNet, folder?: string): string | undefined {
  const path = pathOf(net, folder);
  return existsSync(path) ? path : undefined;
}

function pathOf(net: RegisteredNet, folder = cacheFolder()): string {
  return join(net.url === undefined ? join(packageFolder(), 'weights', 'files') : folder, net.file);
}
