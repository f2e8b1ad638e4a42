/** How long work on files reports where it is. */

/**
 * One step of a fetch or conversion. The first report of a fetch comes before its data, so that its size is said first;
 * `done` is above 0 there where an interrupted fetch goes on.
 */
export interface Progress {
  /** What is being worked on: "fetch resnet18-f37072fd.pth", "unpack CIFAR-10". */
  readonly task: string;
  /** Units done. */
  readonly done: number;
  /** Undefined where a server does not say. */
  readonly total: number | undefined;
  /** Of `done` and `total`. */
  readonly unit: 'bytes' | 'images';
}

/** Takes each step of a fetch or conversion; must not throw. */
export type OnProgress = (progress: Progress) => void;
