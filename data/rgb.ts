/** The one form of an image in memory. */

/** `data` is RGB, row-major, 3 bytes a pixel, without padding: [height, width, 3]. */
export interface Image {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** 3 * width * height levels from 0 to 255. */
  readonly data: Uint8Array;
}
