/** One of a few choices, all in sight. */
import type { ComponentChildren } from 'preact';

export interface SegmentsProps<T extends string> {
  /** What is chosen. */
  readonly label: string;
  readonly choices: readonly T[];
  readonly chosen: T;
  readonly onChoose: (choice: T) => void;
  /** What a button holds; default: the choice. */
  readonly show?: (choice: T) => ComponentChildren;
}

export function Segments<T extends string>({ label, choices, chosen, onChoose, show }: SegmentsProps<T>) {
  return (
    <fieldset class="segments no-print">
      <legend class="hidden">{label}</legend>
      {choices.map((choice) => (
        <button
          key={choice}
          type="button"
          class="button"
          aria-pressed={choice === chosen}
          onClick={() => onChoose(choice)}
        >
          {show ? show(choice) : choice}
        </button>
      ))}
    </fieldset>
  );
}
