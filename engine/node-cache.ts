/** Where downloads and other files that can be made again live. */
import envPaths from 'env-paths';

/** The user's cache folder of this program; the environment variable `CFR_CACHE` overrides it. May not exist yet. */
export function cacheFolder(): string {
  return process.env.CFR_CACHE || envPaths('cfr', { suffix: '' }).cache;
}
