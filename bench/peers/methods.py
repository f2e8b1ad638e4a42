"""Attack methods beside public implementations: the same net, images and settings, ours by the command line, theirs in PyTorch.

    python bench/peers/methods.py [--weights FILE] [--only fgsm,ddn] [--json FILE]

Prints a Markdown table, a row as soon as it is done. See README.md beside this file for what it needs.
"""
import argparse
import hashlib
import json
import math
import subprocess
import sys
import tempfile
import types
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test' / 'golden'))
from attacks import open_shipped  # noqa: E402

BATCH = 32


def torchattack(name, **settings):
    def run(net, x, y):
        import torchattacks
        return getattr(torchattacks, name)(net, **settings)(x, y)
    return 'torchattacks', run


def foolbox_attack(name, **settings):
    def run(net, x, y):
        import foolbox
        model = foolbox.PyTorchModel(net, bounds=(0, 1))
        return getattr(foolbox.attacks, name)(**settings).run(model, x, foolbox.criteria.Misclassification(y))
    return 'foolbox', run


class Absent(types.ModuleType):
    """Stands for a package that adv-lib imports and that its attacks do not use."""
    __path__ = []

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return type(name, (), {})


def adv_lib_attack(name, **settings):
    def run(net, x, y):
        # Its pictures and its perceptual distance want these; installed in full they are 3 GB and need a PyTorch of their own.
        for package in ('visdom', 'torchvision', 'torchvision.models'):
            sys.modules.setdefault(package, Absent(package))
        import adv_lib.attacks
        return getattr(adv_lib.attacks, name)(net, x, y, **settings)
    return 'adv-lib', run


# Method, our settings, images, norm that is compared, theirs. `float`: a minimal method, compared before rounding.
E, A = 2 / 255, 0.5 / 255
CASES = [
    ('fgsm', '--epsilon 2/255', 128, 'l2', torchattack('FGSM', eps=E)),
    ('ifgsm', '--epsilon 2/255 --alpha 0.5/255 --iterations 10', 128, 'l2', torchattack('BIM', eps=E, alpha=A, steps=10)),
    ('pgd', '--epsilon 2/255 --alpha 0.5/255 --iterations 10', 128, 'l2', torchattack('PGD', eps=E, alpha=A, steps=10)),
    ('mifgsm', '--epsilon 2/255 --alpha 0.5/255 --iterations 10 --decay 1', 128, 'l2',
     torchattack('MIFGSM', eps=E, alpha=A, steps=10, decay=1.0)),
    ('apgd', '--epsilon 2/255 --iterations 20 --loss ce', 128, 'l2', torchattack('APGD', eps=E, steps=20, loss='ce')),
    ('deepfool', '--iterations 50 --overshoot 0.02 --rounding end', 128, 'float l2', torchattack('DeepFool', steps=50, overshoot=.02)),
    ('ddn', '--iterations 30 --gamma 0.05 --radius 1', 128, 'l2', adv_lib_attack('ddn', steps=30, γ=.05, init_norm=1.0, levels=256)),
    ('fmn', '--norm l2 --iterations 30 --gamma 0.05 --step-start 1 --rounding end', 128, 'float l2',
     adv_lib_attack('fmn', norm=2, steps=30, α_init=1.0, γ_init=.05)),
    ('alma', '--iterations 100 --rounding end', 64, 'float l2', adv_lib_attack('alma', num_steps=100)),
    ('cw-l2', '--const 1 --iterations 60 --learning-rate 0.01 --rounding end', 128, 'float l2',
     foolbox_attack('L2CarliniWagnerAttack', binary_search_steps=1, steps=60, stepsize=.01, initial_const=1.0, abort_early=False)),
    ('one-pixel', '--pixels 5 --population 50 --iterations 10', 64, 'l2', torchattack('OnePixel', pixels=5, steps=10, popsize=50)),
]


class Net(torch.nn.Module):
    def __init__(self, path):
        super().__init__()
        self.classifier, _ = open_shipped(path, torch.float32)
        self.net = self.classifier.net

    def forward(self, x):
        return self.classifier(x)


def sample():
    """The bundled images: u8 [256, 3, 32, 32], and labels."""
    folder = ROOT / 'data' / 'sample'
    sprite = np.asarray(Image.open(folder / 'cifar10-256.png').convert('RGB'))
    tiles = sprite.reshape(16, 32, 16, 32, 3).transpose(0, 2, 4, 1, 3).reshape(256, 3, 32, 32)
    labels = json.loads((folder / 'cifar10-256.json').read_text())['labels']
    return np.ascontiguousarray(tiles), torch.tensor(labels)


def ours(method, settings, limit, weights):
    # Even batches: the last one costs as much as a full one.
    batch = math.ceil(limit / math.ceil(limit / BATCH))
    with tempfile.TemporaryDirectory() as folder:
        command = ['node', 'bin/cfr.mjs', 'attack', '--method', method, *settings.split(), '--dataset', 'cifar10-sample', '--limit', str(limit),
                   '--weights', weights, '--batch', str(batch), '--sheet', '0', '--json', '--out', f'{folder}/run']
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f'{" ".join(command)}: exit code {done.returncode}\n{done.stderr}')
    return json.loads(done.stdout)


def compare(case, net, pixels, labels, confidence, right, weights, images=None):
    method, settings, n, norm, (library, attack) = case
    n = images or n
    kept = right[:n]
    if len(kept) < n:
        raise ValueError(f'{method}: expected {n} images that the net has right, got {len(kept)}; use better weights')
    run = ours(method, settings, int(kept[-1]) + 1, weights)
    rows = {row['index']: row for row in run['results']}
    rows = [rows[int(i)] for i in kept]
    for i, row in zip(kept, rows):
        # The same images and the same net, or nothing below means anything.
        if row['label'] != labels[i] or abs(row['clean']['confidence'] - float(confidence[i])) > 1e-3:
            raise ValueError(f'{method}: image {int(i)} is not the same on both sides: {row["clean"]}, there {float(confidence[i])}')
    x, y = torch.from_numpy(pixels[kept].astype(np.float32) / np.float32(255)), labels[kept]
    torch.manual_seed(0)
    adversarial = torch.cat([attack(net, x[i:i + BATCH], y[i:i + BATCH]).detach() for i in range(0, n, BATCH)])
    with torch.no_grad():
        theirs = torch.cat([net(adversarial[i:i + BATCH]).argmax(1) for i in range(0, n, BATCH)]) != y
        eight = torch.cat([net((adversarial[i:i + BATCH] * 255).round() / 255).argmax(1) for i in range(0, n, BATCH)]) != y
    before = norm.startswith('float')
    fooled = torch.tensor([row['float'] is not None if before else row['success'] for row in rows])
    both = fooled & theirs
    l2 = [(row['float'] if before else row)['l2'] if hit else 0. for row, hit in zip(rows, both.tolist())]
    record = dict(method=method, settings=settings, library=library, n=n, judged='float' if before else '8 bits',
                  asr=100 * fooled.float().mean().item(), asr8=100 * sum(row['success'] for row in rows) / n,
                  theirAsr=100 * theirs.float().mean().item(), theirAsr8=100 * eight.float().mean().item(),
                  both=int(both.sum()), adapter=run['adapter'])
    if record['both']:
        record['l2'] = float(torch.tensor(l2)[both].mean())
        record['theirL2'] = float((adversarial - x).flatten(1).norm(dim=1)[both].mean())
    return record


HEAD = ('| method | settings | peer | n | ASR ours, theirs | points apart | after rounding to 8 bits: ours, theirs | mean l2 ours, theirs | ratio |\n'
        '| --- | --- | --- | --- | --- | --- | --- | --- | --- |')


def line(r):
    norms = f'{r["l2"]:.4f}, {r["theirL2"]:.4f} | {r["l2"] / r["theirL2"]:.3f}' if 'l2' in r else 'none fooled by both | '
    return (f'| `{r["method"]}` | `{r["settings"]}` | {r["library"]} | {r["n"]} | {r["asr"]:.1f} % ({r["judged"]}), {r["theirAsr"]:.1f} % (float) | '
            f'{r["asr"] - r["theirAsr"]:+.1f} | {r["asr8"]:.1f} %, {r["theirAsr8"]:.1f} % | {norms} |')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--weights', default=str(ROOT / 'weights/files/resnet18-cifar10.safetensors'))
    parser.add_argument('--only', help='methods, with commas')
    parser.add_argument('--images', type=int, help='so many for each method, instead of its own number')
    parser.add_argument('--json', help='where records go')
    args = parser.parse_args()
    chosen = [case for case in CASES if not args.only or case[0] in args.only.split(',')]
    if not chosen or (args.only and len(chosen) < len(args.only.split(','))):
        parser.error(f'--only: expected some of {", ".join(case[0] for case in CASES)}, got {args.only}')
    torch.set_num_threads(1)
    weights = Path(args.weights).resolve()
    net = Net(weights).eval()
    pixels, labels = sample()
    with torch.no_grad():
        p = torch.cat([net(torch.from_numpy(pixels[i:i + BATCH].astype(np.float32) / np.float32(255))) for i in range(0, 256, BATCH)]).softmax(1)
    confidence, classes = p.max(1)
    right = (classes == labels).nonzero()[:, 0].numpy()
    versions = ', '.join(f'{name} {version(name)}' for name in ('torch', 'torchattacks', 'foolbox', 'adv-lib'))
    print(f'{versions}; weights sha256 {hashlib.sha256(weights.read_bytes()).hexdigest()[:16]}\n\n{HEAD}', flush=True)
    records = []
    for case in chosen:
        records.append(compare(case, net, pixels, labels, confidence, right, str(weights), args.images))
        print(line(records[-1]), flush=True)
        if args.json:
            Path(args.json).write_text(json.dumps(records, indent=1) + '\n')


if __name__ == '__main__':
    main()
