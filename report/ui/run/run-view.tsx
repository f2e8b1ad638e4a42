/** The page of a run. */
import { useMemo, useState } from 'preact/hooks';
import { type PageImage, type RunPage, rowsOf } from '../../page-data.js';
import { useHash } from '../hash.js';
import { Facts, Figures, Head, Warnings } from '../head.js';
import { useMedia } from '../use.js';
import { IMAGE_COLUMNS } from './columns.js';
import { RunProvider } from './context.js';
import { Grid } from './grid.js';
import { type Filter, filtered, NO_FILTER, type Sorting, sorted } from './images.js';
import { Lightbox } from './lightbox.js';
import { RunCharts } from './run-charts.js';
import { Table } from './table.js';
import { Toolbar } from './toolbar.js';
import './run.css';

export function RunView({ page }: { readonly page: RunPage }) {
  const images = useMemo(() => rowsOf<PageImage>(page.images), [page]);
  const [filter, setFilter] = useState<Filter>(NO_FILTER);
  const [sorting, setSorting] = useState<Sorting | undefined>(undefined);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(
    () => new Set(IMAGE_COLUMNS.filter(({ first }) => first).map(({ key }) => key)),
  );
  const [hash, setHash] = useHash();
  // Long names of files and classes have no room in a table there.
  const narrow = useMedia('(max-width: 700px)');
  const layout = !narrow && hash.view === 'table' ? 'table' : 'grid';
  const shown = useMemo(() => {
    const column = IMAGE_COLUMNS.find(({ key }) => key === sorting?.key);
    const value = column?.value;
    return sorted(
      filtered(images, filter, page.classes),
      value && ((image) => value(image, page)),
      sorting?.falling ?? false,
    );
  }, [images, filter, sorting, page]);
  const open = (index: number) => setHash({ image: String(index) });
  const image =
    hash.image === undefined ? undefined : images.find(({ index }) => String(index) === hash.image);
  const place = image ? shown.indexOf(image) : -1;
  const columns = IMAGE_COLUMNS.filter(({ key }) => key === 'index' || chosen.has(key));
  return (
    <RunProvider value={{ page, images, filter, setFilter, open }}>
      <main>
        <a class="skip no-print" href="#images">
          Skip to the images
        </a>
        <Head {...page} />
        <Figures figures={page.figures} />
        <Warnings warnings={page.warnings} />
        {images.length > 0 && <RunCharts />}
        <section aria-labelledby="images" class="image-section">
          <h2 id="images" tabIndex={-1}>
            Images
          </h2>
          {images.length === 0 ? (
            <p>{page.empty}</p>
          ) : (
            <>
              <Toolbar
                shown={shown}
                layout={layout}
                narrow={narrow}
                onLayout={(next) => setHash({ view: next === 'table' ? 'table' : undefined })}
                sorting={sorting}
                onSort={setSorting}
                chosen={chosen}
                onChoose={setChosen}
              />
              {shown.length === 0 ? (
                <p class="muted">No image is like that.</p>
              ) : layout === 'table' ? (
                <Table shown={shown} columns={columns} sorting={sorting} onSort={setSorting} />
              ) : (
                <Grid shown={shown} />
              )}
            </>
          )}
        </section>
        <Facts groups={page.facts} />
        <footer>
          Measures are of the saved 8-bit images, pixels in [0, 1]; means are over the fooled images.
          Intervals are of 95 %: Wilson’s of rates, Student’s of means.
        </footer>
      </main>
      {image && (
        <Lightbox
          image={image}
          place={place}
          of={shown.length}
          onStep={(by) => {
            const next = shown[place + by];
            if (next && place >= 0) open(next.index);
          }}
          onClose={() => setHash({ image: undefined })}
        />
      )}
    </RunProvider>
  );
}
