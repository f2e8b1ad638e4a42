/** The same images under every attack of a net, beside each other. */
import { useMemo, useRef, useState } from 'preact/hooks';
import type { StudyCell, StudyImages, StudyPage } from '../../page-data.js';
import { type Named, type PictureKind, pictureAddress } from '../../run-files.js';
import { className } from '../format.js';
import { SHARP_BELOW } from '../image/stage.js';
import { useRows } from '../run/virtual.js';
import { Segments } from '../segments.js';

const ROW = 136;
const KINDS = ['adversarial', 'perturbation'] as const satisfies readonly PictureKind[];

export function Gallery({ page, images }: { readonly page: StudyPage; readonly images: StudyImages }) {
  const nets = useMemo(() => [...new Set(images.cells.map(({ net }) => net))], [images]);
  const [net, setNet] = useState(nets[0]!);
  const [kind, setKind] = useState<(typeof KINDS)[number]>('adversarial');
  const cells = images.cells.filter((cell) => cell.net === net && cell.pictures !== null);
  const scroller = useRef<HTMLElement>(null);
  const box = useRef<HTMLTableSectionElement>(null);
  const { first, end } = useRows(box, scroller, images.index.length, ROW);
  if (images.cells.every(({ pictures }) => pictures === null)) return null;
  const named = (at: number): Named => ({ index: images.index[at]!, name: images.name[at] ?? undefined });
  const spacer = (rows: number) =>
    rows > 0 && (
      // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row of a table is not.
      <tr class="spacer" aria-hidden="true">
        <td colSpan={cells.length + 1} style={{ height: `${rows * ROW}px` }} />
      </tr>
    );
  return (
    <section aria-labelledby="images">
      <h2 id="images">The same images under each attack</h2>
      <div class="toolbar-row gallery-bar no-print">
        {nets.length > 1 && <Segments label="Net" choices={nets} chosen={net} onChoose={setNet} />}
        <Segments label="Picture" choices={KINDS} chosen={kind} onChoose={setKind} />
        <p class="small muted">{images.index.length} images</p>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
      <section ref={scroller} class="card table-scroll" aria-label="Images by attack" tabIndex={0}>
        <table class="images gallery" aria-rowcount={images.index.length + 1}>
          <thead>
            <tr>
              <th scope="col">Original</th>
              {cells.map(({ title }) => (
                <th key={title} scope="col">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody ref={box}>
            {spacer(first)}
            {images.index.slice(first, end).map((index, i) => (
              <tr key={index} style={{ height: `${ROW}px` }} aria-rowindex={first + i + 2}>
                <th scope="row">
                  <Picture
                    page={page}
                    cell={cells[0]!}
                    kind="clean"
                    image={named(first + i)}
                    name="Original"
                  />
                  <span class="small">
                    {className(images.label[first + i]!, page.classes)} <span class="muted">#{index}</span>
                  </span>
                </th>
                {cells.map((cell) => (
                  <td key={cell.title}>
                    <Picture
                      page={page}
                      cell={cell}
                      kind={kind}
                      image={named(first + i)}
                      name={`${kind} of ${cell.title}`}
                    />
                    <Verdict cell={cell} at={first + i} page={page} />
                  </td>
                ))}
              </tr>
            ))}
            {spacer(images.index.length - end)}
          </tbody>
        </table>
      </section>
    </section>
  );
}

interface PictureProps {
  readonly page: StudyPage;
  readonly cell: StudyCell;
  readonly kind: PictureKind;
  readonly image: Named;
  readonly name: string;
}

function Picture({ page, cell, kind, image, name }: PictureProps) {
  const sharp = Math.max(...page.inputSize) < SHARP_BELOW ? 'sharp' : '';
  const address = `${cell.pictures}/${pictureAddress(kind, image)}`;
  return (
    <a href={address}>
      <img class={sharp} src={address} alt={`${name} #${image.index}`} decoding="async" />
    </a>
  );
}

function Verdict({
  cell,
  at,
  page,
}: {
  readonly cell: StudyCell;
  readonly at: number;
  readonly page: StudyPage;
}) {
  const size = cell.norms[page.norm][at]!;
  if (!cell.success[at]) return <span class="small held">not fooled</span>;
  return (
    <span class="small">
      <span class="fooled">{className(cell.class[at]!, page.classes)}</span>{' '}
      <span class="muted">
        {page.norm} {size.toFixed(3)}
      </span>
    </span>
  );
}
