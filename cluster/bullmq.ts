/** BullMQ and its Redis client: loaded by the commands that need them, and no dependency of others. */
import type * as BullMQ from 'bullmq';
import { UserError } from '../base/errors.js';

/** @throws UserError where they are not installed */
export async function loadBullMQ(): Promise<typeof BullMQ> {
  try {
    await import('ioredis');
    return await import('bullmq');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UserError(
      'cfr queue, cfr worker: expected the packages bullmq and ioredis, which are not installed; npm install bullmq@6.7.0 ioredis@5.11.1',
    );
  }
}

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: object;
  readonly maxRetriesPerRequest: null;
}

/**
 * How a Redis is reached.
 * @param url `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS
 * @throws UserError on another form
 */
export function connectionOf(url: string): Connection {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw wrong(url);
  }
  const { protocol, hostname, port, username, password, pathname } = parsed;
  const database = Number(pathname.slice(1) || 0);
  if (!['redis:', 'rediss:'].includes(protocol) || !hostname || !Number.isInteger(database)) throw wrong(url);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db: database,
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
    // As BullMQ asks for: what waits for Redis waits until it is back.
    maxRetriesPerRequest: null,
  };
}

function wrong(url: string): UserError {
  return new UserError(`--redis: expected redis://host:port, got "${withoutPassword(url)}"`);
}

/** For messages. */
export function withoutPassword(url: string): string {
  return url.replace(/\/\/.*@/s, '//…@');
}
