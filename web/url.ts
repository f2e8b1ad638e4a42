/** The page's state in its address: what is attacked and how, so that a link shows the same. */
import { METHODS, methodNamed } from '../attack/methods/index.js';
import type { LaneRequest } from './state.js';

export interface Address {
  readonly net: string | undefined;
  readonly image: number | undefined;
  readonly requests: readonly [LaneRequest, LaneRequest | undefined];
}

/** Names of the second attack's parameters begin with this. */
const SECOND = 'b.';

export function readAddress(search: string): Address {
  const params = new URLSearchParams(search);
  const image = params.get('image');
  const first = requestFrom(params, '') ?? { method: 'cfr', settings: {} };
  return {
    net: params.get('net') ?? undefined,
    image: image !== null && /^\d+$/.test(image) ? Number(image) : undefined,
    requests: [first, requestFrom(params, SECOND)],
  };
}

export function writeAddress({ net, image, requests }: Address): string {
  const params = new URLSearchParams();
  if (net !== undefined) params.set('net', net);
  if (image !== undefined) params.set('image', String(image));
  for (const [i, request] of requests.entries()) {
    if (!request) continue;
    const prefix = i === 0 ? '' : SECOND;
    params.set(`${prefix}method`, request.method);
    for (const [name, text] of Object.entries(request.settings)) params.set(prefix + name, text);
  }
  return `?${params}`;
}

/** Unknown methods and settings are left out: an address may be of another version. */
function requestFrom(params: URLSearchParams, prefix: string): LaneRequest | undefined {
  const method = params.get(`${prefix}method`);
  if (method === null || !METHODS.some(({ name }) => name === method)) return undefined;
  const { table } = methodNamed(method);
  const settings = Object.keys(table).flatMap((name) => {
    const text = params.get(prefix + name);
    return text === null ? [] : [[name, text] as const];
  });
  return { method, settings: Object.fromEntries(settings) };
}
