/** The one form of an image in memory. */

/** `data` is RGB, row-major, 3 bytes a pixel, without padding: [height, width, 3]. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
