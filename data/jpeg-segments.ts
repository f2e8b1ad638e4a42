/** The outer form of a JPEG file (ITU-T T.81, annex B): its marker segments and what its frame header says. Nothing is decoded. */

export const MARKERS = {
  DHT: 0xc4,
  SOI: 0xd8,
  EOI: 0xd9,
  SOS: 0xda,
  DQT: 0xdb,
  DRI: 0xdd,
  APP14: 0xee,
} as const;

/** A marker with its parameters, and what follows up to the next: after SOS the coded data, else nothing (or stray bytes). */
export interface Segment {
  readonly marker: number;
  readonly parameters: Uint8Array;
  readonly following: Uint8Array;
}

/** What a frame header says. */
export interface Frame {
  readonly marker: number;
  readonly width: number;
  readonly height: number;
  readonly components: readonly FrameComponent[];
  /** The greatest sampling factors: blocks of an MCU in each direction. */
  readonly across: number;
  readonly down: number;
}

/** A component and its sampling factors. */
export interface FrameComponent {
  readonly id: number;
  readonly across: number;
  readonly down: number;
}

/** The segments after SOI, up to and with EOI; a file that was cut ends without one. */
export function* segmentsOf(bytes: Uint8Array): Generator<Segment> {
  for (let at = nextMarker(bytes, 2); at < bytes.length; ) {
    const marker = bytes[at + 1]!;
    const start = at + 2;
    const bare = marker === MARKERS.EOI || marker === MARKERS.SOI || marker === 0x01;
    const end = bare ? start : start + ((bytes[start]! << 8) | bytes[start + 1]!);
    if (!(end <= bytes.length)) return;
    at = nextMarker(bytes, end);
    yield {
      marker,
      parameters: bytes.subarray(bare ? start : start + 2, end),
      following: bytes.subarray(end, at),
    };
    if (marker === MARKERS.EOI) return;
  }
}

/** Where the next marker is that is neither a stuffed byte nor a restart; the end of the file if there is none. */
function nextMarker(bytes: Uint8Array, from: number): number {
  for (
    let at = bytes.indexOf(0xff, from);
    at >= 0 && at + 1 < bytes.length;
    at = bytes.indexOf(0xff, at + 1)
  ) {
    const code = bytes[at + 1]!;
    const restart = code >= 0xd0 && code <= 0xd7;
    if (code !== 0 && code !== 0xff && !restart) return at;
  }
  return bytes.length;
}

/** The frame header in a start-of-frame segment, undefined of another segment or one that is too short. */
export function frameIn({ marker, parameters: p }: Segment): Frame | undefined {
  if (marker < 0xc0 || marker > 0xcf || marker === MARKERS.DHT || marker === 0xc8 || marker === 0xcc)
    return undefined;
  const count = p[5] ?? 0;
  if (p.length < 6 + 3 * count) return undefined;
  const components = Array.from({ length: count }, (_, i) => {
    const factors = p[7 + 3 * i]!;
    return { id: p[6 + 3 * i]!, across: factors >> 4, down: factors & 15 };
  });
  return {
    marker,
    height: (p[1]! << 8) | p[2]!,
    width: (p[3]! << 8) | p[4]!,
    components,
    across: Math.max(...components.map(({ across }) => across)),
    down: Math.max(...components.map(({ down }) => down)),
  };
}
