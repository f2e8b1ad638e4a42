/** `--explanations a,b,c`: several explanations of one command. */
import { Option } from 'commander';
import { EXPLANATIONS, type Explanation, explanationTable } from '../attack/explanations.js';
import { UserError } from '../base/errors.js';
import { suggestion } from '../base/suggestion.js';

export function explanationsOption(help: string): Option {
  return new Option('--explanations <a,b,c>', `${help}; or all`)
    .argParser(parseExplanations)
    .conflicts('explanation');
}

/** @throws UserError on a name that is none, and on one that is there twice */
export function parseExplanations(text: string): readonly Explanation[] {
  if (text.trim() === 'all') return EXPLANATIONS;
  const names = text.split(',').map((name) => name.trim());
  for (const [i, name] of names.entries()) {
    if (!(EXPLANATIONS as readonly string[]).includes(name))
      throw new UserError(
        `--explanations: expected all or some of ${EXPLANATIONS.join(', ')}, got "${name}"${suggestion(name, EXPLANATIONS)}`,
      );
    if (names.indexOf(name) !== i)
      throw new UserError(`--explanations: expected each once, got ${name} twice`);
  }
  return names as Explanation[];
}

/**
 * The settings that were typed, for each of the explanations; `layer` is for those of a block only.
 * @param names undefined: the one that the settings name
 */
export function chosenExplanations(
  names: readonly Explanation[] | undefined,
  typed: Readonly<Record<string, unknown>>,
): Record<string, unknown>[] {
  if (names === undefined) return [{ ...typed }];
  return names.map((explanation) => {
    const { layer, ...rest } = typed;
    const ofPixels = explanationTable[explanation].needs === 'pixels';
    // CAM's layer is the last, whatever the others explain.
    const own = ofPixels || explanation === 'cam' ? {} : { layer };
    return { ...rest, ...own, explanation };
  });
}
