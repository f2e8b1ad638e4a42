"""Judges a finished run or experiment anew, with PyTorch, from the images that it saved, and recomputes its figures.

  python test/golden/referee.py OUT [--cells DIR] [--weights NAME=FILE ...]

OUT: the folder of `cfr compare`, `defend`, `sweep`, `transfer` or `regions` (results.json, its images in OUT/cells or --cells), or of `cfr attack`
(results.jsonl, summary.json). Nets are weights/files/NAME.safetensors unless --weights says otherwise; their sha256 must be the one that was used.
Every rate, interval, norm, SSIM, mean, median, optimality and worst case is computed from the pictures and the labels alone; only the numbers of
propagations are taken from the lines. Prints a line for each figure that differs, and exits with 1 if there is one. A verdict on which PyTorch
differs does not count where its two greatest logits are closer than --tie: float32 may decide either way; such images are told.
"""
import argparse
import hashlib
import json
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from attacks import open_shipped

NORMS = ('l0', 'l1', 'l2', 'linf')
Z = 1.959963984540054
FILES = Path(__file__).resolve().parents[2] / 'weights' / 'files'


def pixels(path):
    """[3, h, w] u8."""
    return np.ascontiguousarray(np.asarray(Image.open(path).convert('RGB')).transpose(2, 0, 1))


def ssim(x, y):
    """Wang et al. 2004 on 8-bit pixels: 11x11 Gaussian window, sigma 1.5, valid positions, mean over channels."""
    taps = torch.exp(-.5 * (torch.arange(-5, 6, dtype=torch.float64) / 1.5)**2)
    taps /= taps.sum()
    window = (taps[:, None] * taps[None]).view(1, 1, 11, 11)
    a, b = (torch.from_numpy(v).double()[:, None] for v in (x, y))
    ua, ub, aa, bb, ab = (F.conv2d(v, window) for v in (a, b, a * a, b * b, a * b))
    c1, c2 = (.01 * 255)**2, (.03 * 255)**2
    value = (2 * ua * ub + c1) / (ua**2 + ub**2 + c1) * (2 * (ab - ua * ub) + c2) / (aa - ua**2 + bb - ub**2 + c2)
    return float(value.mean())


def measures(x, y):
    d = np.abs(y.astype(np.int64) - x.astype(np.int64))
    return {'l0': int((d > 0).sum()), 'l1': int(d.sum()) / 255, 'l2': math.sqrt(int((d * d).sum())) / 255,
            'linf': int(d.max()) / 255, 'ssim': ssim(x, y)}


def wilson(k, n):
    if n == 0:
        return None
    rate = k / n
    centre = (rate + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
    return {'low': 0 if k == 0 else centre - half, 'high': 1 if k == n else centre + half}


def mean(values):
    return sum(values) / len(values) if values else None


def aggregate(images):
    """Of images right when clean: dicts with success, norms, ssim."""
    n, won = len(images), [image for image in images if image['success']]

    def median(norm):
        values = sorted(image[norm] if image['success'] else math.inf for image in images)
        if not values:
            return None
        value = (values[(n - 1) // 2] + values[n // 2]) / 2
        return value if math.isfinite(value) else None

    return {'n': n, 'succeeded': len(won), 'asr': len(won) / n if n else None, 'asr95': wilson(len(won), n),
            'mean': {name: mean([image[name] for image in won]) for name in (*NORMS, 'ssim')} if won else None,
            'median': {norm: median(norm) for norm in NORMS}}


def optimality(runs, norm):
    """AttackBench (Cina et al. 2025), of runs over the same images."""
    sizes = [[image[norm] if image['success'] else math.inf for image in run] for run in runs]
    best = [min(column) for column in zip(*sizes)]
    seen = best if all(map(math.isfinite, best)) else [v for run in sizes for v in run]
    seen = [v for v in seen if math.isfinite(v)]
    if not seen:
        return [None] * len(runs)
    most = max(seen)
    area = lambda run: sum(min(v, most) for v in run) / len(run)  # noqa: E731
    least = area(best)
    if most - least < 1e-12 * most:
        return [None] * len(runs)
    return [1 - (area(run) - least) / (most - least) for run in sizes]


def stem(line):
    """The name of an image's pictures: after its file, else by its index."""
    return line.get('name') or f"{line['index']:05d}"


class Referee:
    def __init__(self, cells, weights, tie):
        self.cells, self.weights, self.tie = cells, weights, tie
        self.nets, self.said, self.wrong, self.ties, self.judged = {}, {}, [], set(), 0

    def net(self, name, digest=None):
        if name not in self.nets:
            path = self.weights.get(name, FILES / f'{name}.safetensors')
            if digest and hashlib.sha256(Path(path).read_bytes()).hexdigest() != digest:
                sys.exit(f'{path}: expected the weights that were attacked, sha256 {digest}, got others; name them by --weights {name}=FILE')
            self.nets[name] = open_shipped(path, torch.float64)[0]
        return self.nets[name]

    def classes(self, net, paths):
        """What a net says of pictures, and how far its two greatest logits are apart."""
        missing = [path for path in dict.fromkeys(paths) if (net, path) not in self.said]
        for start in range(0, len(missing), 32):
            part = missing[start:start + 32]
            x = torch.from_numpy(np.stack([pixels(path) for path in part]).astype(np.float32) / np.float32(255)).double()
            with torch.no_grad():
                top = self.net(net)(x).topk(2)
            for path, index, value in zip(part, top.indices[:, 0].tolist(), top.values.tolist()):
                self.said[net, path] = index, value[0] - value[1]
            self.judged += len(part)
        return [self.said[net, path] for path in paths]

    def verdict(self, net, path, claimed):
        """PyTorch's class; the claimed one where it is as good."""
        own, gap = self.classes(net, [path])[0]
        if own != claimed and gap < self.tie:
            self.ties.add(f'{net}: {path}: {own} or {claimed}, logits {gap:.1e} apart')
            return claimed
        return own

    def same(self, where, own, claimed):
        """Notes where two documents of numbers differ."""
        if isinstance(own, dict):
            for key, value in own.items():
                self.same(f'{where}.{key}', value, claimed.get(key) if isinstance(claimed, dict) else None)
            return
        if isinstance(own, (int, float)) and isinstance(claimed, (int, float)) and not isinstance(own, bool):
            if abs(own - claimed) <= 1e-9 + 1e-6 * abs(own):
                return
        elif own == claimed:
            return
        self.wrong.append(f'{where}: by the images {own}, the document says {claimed}')

    def run(self, folder, net, target=None, wanted=None):
        """The lines of an attack's folder, judged anew, by index."""
        lines = [json.loads(line) for line in (folder / 'results.jsonl').read_text().splitlines() if line.strip()]
        lines = {line['index']: line for line in lines if wanted is None or line['index'] in wanted}
        paths = {index: [folder / kind / f'{stem(line)}.png' for kind in ('clean', 'adversarial')] for index, line in lines.items()}
        self.classes(net, [path for both in paths.values() for path in both])
        judged = {}
        for index, line in sorted(lines.items()):
            (clean, adversarial), where = paths[index], f'{folder.name}, image {index}'
            x, y = pixels(clean), pixels(adversarial)
            before = self.verdict(net, clean, line['clean']['class'])
            after = self.verdict(net, adversarial, line['adversarial']['class'])
            own = measures(x, y)
            right = before == line['label']
            hit = after == target and before != target if target is not None else after != line['label']
            own.update(correct=right, success=hit and own['l0'] > 0)
            self.same(where, {**own, 'sha256': hashlib.sha256(x.transpose(1, 2, 0).tobytes()).hexdigest(),
                              'clean': {'class': before}, 'adversarial': {'class': after}}, line)
            judged[index] = {**own, 'stem': stem(line), 'label': line['label'], 'spent': line['forwards'] + line['backwards'], 'found': line['found']}
        return judged

    def clean(self, document):
        for one in document['clean']:
            self.net(one['net'], one['weights'])
            # A folder of cells may hold more images than this command looked at.
            right, seen = set(), [line for line in self.lines(one['lines']) if line['index'] in set(document['looked'])]
            self.classes(one['net'], [self.picture(one['lines'], 'clean', line['index']) for line in seen])
            for line in seen:
                if self.verdict(one['net'], self.picture(one['lines'], 'clean', line['index']), line['class']) == line['label']:
                    right.add(line['index'])
            self.same(f"clean, {one['net']}", {'images': len(seen), 'correct': len(right)}, one)
            lost = set(document['indices']) - right
            if lost:
                self.wrong.append(f"indices: {sorted(lost)} are not classified right by {one['net']}")

    def lines(self, name):
        return [json.loads(line) for line in (self.cells / name / 'lines.jsonl').read_text().splitlines() if line.strip()]

    def picture(self, name, kind, index):
        return self.cells / name / kind / f'{index:05d}.png'

    def experiment(self, document):
        wanted = set(document['indices'])
        cells = [(cell, self.run(self.cells / cell['name'], cell['net'], cell['settings'].get('target'), wanted))
                 for cell in document['cells']]
        images = {}
        for net in {cell['net'] for cell, _ in cells}:
            own = [judged for cell, judged in cells if cell['net'] == net]
            shared = sorted(i for i in set.intersection(*map(set, own)) if all(judged[i]['correct'] for judged in own))
            runs = [[judged[i] for i in shared] for judged in own]
            best = {norm: optimality(runs, norm) for norm in NORMS}
            for k, cell in enumerate(cell for cell, _ in cells if cell['net'] == net):
                run = runs[k]
                images[cell['name']] = shared
                where = f"{cell['net']}, {cell['title']}"
                self.same(where, {**aggregate(run), 'optimality': {norm: best[norm][k] for norm in NORMS},
                                  'propagations': {'mean': mean([i['spent'] for i in run]),
                                                   'found': mean([i['found'] for i in run if i['success']])}}, cell)
            for worst in (w for w in document.get('worstCase', []) if w['net'] == net):
                norm, names = worst['norm'], [cell['name'] for cell, _ in cells if cell['net'] == net]
                by, chosen = Counter(), []
                for column in zip(*runs):
                    sizes = [image[norm] if image['success'] else math.inf for image in column]
                    winner = sizes.index(min(sizes))
                    chosen.append(column[winner])
                    if math.isfinite(sizes[winner]):
                        by[names[winner]] += 1
                self.same(f'{net}, worst case', {**aggregate(chosen), 'by': dict(by)}, worst)
        for pair in document.get('pairs', []):
            self.pair(pair, dict((cell['name'], judged) for cell, judged in cells)[pair['cell']], images[pair['cell']])

    def pair(self, pair, judged, shared):
        lines = {line['index']: line for line in self.lines(pair['lines']) if line['index'] in set(shared)}
        where = f"{pair['substitute']} to {pair['target']}, {pair['method']}"
        self.same(f'{where}.images', sorted(lines), shared)
        right, right_at, sizes, scaled = 0, 0, [], []
        for index, line in sorted(lines.items()):
            clean, adversarial = (self.cells / pair['cell'] / kind / f"{judged[index]['stem']}.png" for kind in ('clean', 'adversarial'))
            moved = self.picture(pair['lines'], 'scaled', index)
            right += self.verdict(pair['target'], adversarial, line['class']) == judged[index]['label']
            right_at += self.verdict(pair['target'], moved, line['classAtL2']) == judged[index]['label']
            clean = pixels(clean)
            sizes.append(judged[index]['l2'])
            scaled.append(measures(clean, pixels(moved))['l2'])
        n = len(lines)
        self.same(where, {'n': n, 'correct': right, 'correctAtL2': right_at, 'accuracy': right / n if n else None,
                          'accuracy95': wilson(right, n), 'accuracyAtL2': right_at / n if n else None,
                          'accuracyAtL2Interval': wilson(right_at, n), 'l2': mean(sizes), 'scaledL2': mean(scaled)}, pair)

    def regions(self, document):
        cuts = ('clean', 'cfr', 'non-cfr', 'random')
        for one in document['nets']:
            self.net(one['net'], one['weights'])
            where = f"{one['net']}, {one['explanation']}"
            lines = [line for line in self.lines(one['lines']) if line['index'] in set(document['looked'])]
            self.classes(one['net'], [self.picture(one['lines'], cut, line['index']) for line in lines for cut in cuts])
            right, shares = Counter(), []
            for line in lines:
                path = {cut: self.picture(one['lines'], cut, line['index']) for cut in cuts}
                x = {cut: pixels(path[cut]).astype(int) for cut in cuts}
                if (x['cfr'] + x['non-cfr'] != x['clean']).any() or ((x['random'] != x['clean']) & (x['random'] != 0)).any():
                    self.wrong.append(f"{where}, image {line['index']}: a cut is not the image with pixels set to 0")
                # Black pixels of the image may be on either side.
                surely, black = (x['non-cfr'].any(0)).sum(), (~x['clean'].any(0)).sum()
                if not surely <= line['pixels'] <= surely + black:
                    self.wrong.append(f"{where}, image {line['index']}: the CFR has {line['pixels']} pixels, by the images {surely} to {surely + black}")
                shares.append(line['pixels'] / x['clean'][0].size)
                for cut in cuts:
                    right[cut] += self.verdict(one['net'], path[cut], line[cut]) == line['label']
            n = len(lines)
            accuracy = {cut: {'correct': right[cut], 'rate': right[cut] / n, 'interval': wilson(right[cut], n)} for cut in cuts} if n else {}
            self.same(where, {'n': n, 'share': mean(shares), 'empty': sum(s == 0 for s in shares), 'accuracy': accuracy}, one)

    def attack(self, folder):
        summary = json.loads((folder / 'summary.json').read_text())
        judged = list(self.run(folder, summary['model'], summary['settings'].get('target')).values())
        of = aggregate([image for image in judged if image['correct']])
        self.same('summary.json', {'images': len(judged), 'correct': of['n'], 'asr': of['asr'], 'median': of['median'],
                                   **(of['mean'] or dict.fromkeys((*NORMS, 'ssim')))}, summary)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', type=Path)
    parser.add_argument('--cells', type=Path, help='where the finished cells are (default: OUT/cells)')
    parser.add_argument('--weights', action='append', default=[], metavar='NAME=FILE')
    parser.add_argument('--tie', type=float, default=1e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    referee = Referee(args.cells or args.out / 'cells', dict(one.split('=', 1) for one in args.weights), args.tie)
    path = args.out / 'results.json'
    if path.exists():
        document = json.loads(path.read_text())
        if document['command'] == 'regions':
            referee.regions(document)
        else:
            referee.clean(document)
            referee.experiment(document)
    elif (args.out / 'results.jsonl').exists():
        referee.attack(args.out)
    else:
        sys.exit(f'{args.out}: expected results.json of an experiment or results.jsonl of a run, got neither')
    for line in sorted(referee.ties):
        print(f'near-tie: {line}')
    for line in referee.wrong:
        print(f'differs: {line}')
    print(f'{args.out}: {referee.judged} pictures judged by PyTorch {torch.__version__}, {len(referee.wrong)} figures differ')
    sys.exit(1 if referee.wrong or referee.judged == 0 else 0)


if __name__ == '__main__':
    main()
