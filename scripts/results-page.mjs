/** docs/results.md, out of docs/results/ alone: `test/results-doc.test.ts` fails where the page is behind. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IMAGENET, STUDIES } from './results-studies.mjs';

/** What is kept of each study: NAME.json, .md, .svg, .run.json, and .png where it has pictures. */
export const KEPT = fileURLToPath(new URL('../docs/results', import.meta.url));

/** The studies that have run, in their order. */
export function readResults(folder = KEPT) {
  return STUDIES.filter(({ name }) => existsSync(join(folder, `${name}.run.json`))).map((study) => {
    const text = (ending) => readFileSync(join(folder, `${study.name}.${ending}`), 'utf8');
    return {
      study,
      results: JSON.parse(text('json')),
      table: text('md').trim(),
      run: JSON.parse(text('run.json')),
    };
  });
}

/** @param kept of `readResults`; @returns Markdown */
export function resultsPage(kept) {
  const verdicts = kept.flatMap(({ study, results }) =>
    study.claims.map(({ says, verdict }) => ({ study, says, ...verdict(results) })),
  );
  const missing = STUDIES.filter((study) => !kept.some((each) => each.study === study));
  return `${[
    '# The paper, measured',
    INTRODUCTION,
    '## Does it hold?',
    [
      '| the paper | says | here | measured |',
      '| --- | --- | --- | --- |',
      ...verdicts.map(
        ({ study, says, holds, measured }) =>
          `| [${study.of}](#${study.name}) | ${says} | **${holds}** | ${measured} |`,
      ),
    ].join('\n'),
    ...kept.map(section),
    '## Not measured yet',
    missing.length > 0
      ? `${missing.map(({ of, title }) => `${of} (${title})`).join('; ')}: \`node scripts/results.mjs ${missing.map(({ name }) => name).join(' ')}\`.`
      : 'Nothing of the above.',
    IMAGENET,
  ].join('\n\n')}\n`;
}

function section({ study, results, table, run }) {
  const { name, title, of, argv, note, pictures } = study;
  const notes = [...(results.warnings ?? []), ...(results.notes ?? [])].map((text) => `- ${text}`);
  return [
    `<a id="${name}"></a>\n## ${of}: ${title}`,
    `    npx cfr-attack ${argv.map(quoted).join(' ')} --dataset cifar10`,
    `${run.date}, ${run.adapter}${run.referee ? `. Judged again by PyTorch from the saved pictures: ${run.referee}` : '. Not judged again by PyTorch'}.`,
    ...(note ? [note] : []),
    table,
    ...(notes.length > 0 ? [notes.join('\n')] : []),
    `![${title}](results/${name}.svg)`,
    ...(pictures ? [`![images, perturbations and regions](results/${name}.png)`] : []),
  ].join('\n\n');
}

const quoted = (text) => (/[\s*?]/.test(text) ? `'${text}'` : text);

const INTRODUCTION = `What Qian et al. report, on CIFAR-10 with the nets of this package, each table by one command (\`node scripts/results.mjs\` runs them all), beside the paper's own
figures. The nets are others than the paper's, and so are some settings, as said; what is compared is whether its claims hold. ASR is over the images that all nets involved
classify right; norms are of the saved 8-bit images, on the scale of [0, 1]; intervals are Wilson's, 95 %.`;
