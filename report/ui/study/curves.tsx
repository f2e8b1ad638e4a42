/** Robustness curves of the runs on each net, in any norm. */
import { useState } from 'preact/hooks';
import type { Norm } from '../../../attack/settings/common.js';
import type { StudyImages } from '../../page-data.js';
import { robustnessCurve, shownReach } from '../../statistics.js';
import { Lines } from '../charts/lines.js';
import { ChartCard } from '../charts/plot.js';
import { NORMS_SHOWN } from '../format.js';
import { Segments } from '../segments.js';

export function Curves({ images, norm: first }: { readonly images: StudyImages; readonly norm: Norm }) {
  const [norm, setNorm] = useState(first);
  const nets = [...new Set(images.cells.map(({ net }) => net))];
  return (
    <>
      {nets.map((net) => {
        const cells = images.cells.filter((cell) => cell.net === net);
        const sizes = cells.map(({ success, norms }) =>
          success.map((fooled, i) => (fooled ? norms[norm][i]! : Number.POSITIVE_INFINITY)),
        );
        // What a control needs says nothing of where the chart should end.
        const attacks = sizes.filter((_, i) => !cells[i]!.control);
        const most = shownReach(attacks.length > 0 ? attacks : sizes);
        return (
          <ChartCard
            key={net}
            wide={nets.length === 1}
            title={`Accuracy left on ${net}`}
            note={`${images.index.length} images that are right when clean; a name hides its curve`}
            actions={<Segments label="Norm" choices={NORMS_SHOWN} chosen={norm} onChoose={setNorm} />}
          >
            <Lines
              label={`Accuracy left on ${net} over ${norm}`}
              x={`${norm} of the perturbation`}
              y="accuracy"
              percent
              height={360}
              xDomain={[0, most]}
              yDomain={[0, 1]}
              series={cells.map(({ title }, i) => ({
                name: title,
                points: robustnessCurve(sizes[i]!, most),
              }))}
            />
          </ChartCard>
        );
      })}
    </>
  );
}
