"""Judges the pictures of an attack run with PyTorch: what another program sees in the saved files.

  python test/golden/check_png.py RUN --weights weights/files/resnet18-cifar10.safetensors

Reads RUN/results.jsonl and RUN/adversarial/NAME.png (and RUN/clean/NAME.png where it is there), classifies them in float64
and prints one JSON document. An image counts as fooled when the clean prediction is the label and the adversarial one is not
(a run with a target: is the target). Exit code 1 when PyTorch and the run disagree on an image that is no near-tie (two
greatest logits closer than --tie).
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from attacks import open_shipped


def judge(f, path):
    """Class and the distance of the two greatest logits."""
    pixels = np.asarray(Image.open(path).convert('RGB')).transpose(2, 0, 1)[None]
    x = torch.from_numpy(pixels.astype(np.float32) / np.float32(255)).double()
    with torch.no_grad():
        top = f(x).topk(2)
    return int(top.indices[0, 0]), float(top.values[0, 0] - top.values[0, 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('run', type=Path)
    parser.add_argument('--weights', type=Path, required=True)
    parser.add_argument('--target', type=int, help='class that a targeted run aimed at')
    parser.add_argument('--limit', type=int, help='only the first lines of results.jsonl')
    parser.add_argument('--tie', type=float, default=1e-3, help='logit distance under which a disagreement is a near-tie')
    args = parser.parse_args()
    torch.set_num_threads(1)
    f, _ = open_shipped(args.weights, torch.float64)
    lines = [json.loads(line) for line in (args.run / 'results.jsonl').read_text().splitlines() if line.strip()]
    lines = lines[:args.limit]
    if not lines:
        sys.exit(f'{args.run}: expected results, got none')
    images = correct = fooled = 0
    disagreements, ties = [], []
    for line in lines:
        name = f'{line.get("name") or format(line["index"], "05d")}.png'
        clean_path = args.run / 'clean' / name
        label = line['label']
        clean, clean_gap = judge(f, clean_path) if clean_path.exists() else (line['clean']['class'], np.inf)
        adversarial, gap = judge(f, args.run / 'adversarial' / name)
        hit = adversarial == args.target if args.target is not None else adversarial != label
        images += 1
        correct += clean == label
        fooled += clean == label and hit
        for what, own, theirs, distance in (('clean', clean, line['clean']['class'], clean_gap),
                                            ('adversarial', adversarial, line['adversarial']['class'], gap)):
            if own != theirs:
                row = {'index': line['index'], 'picture': what, 'torch': own, 'run': theirs, 'gap': distance}
                (ties if distance < args.tie else disagreements).append(row)
    claimed = sum(line['correct'] and line['success'] for line in lines)
    print(json.dumps({'images': images, 'correct': correct, 'fooled': fooled, 'asr': fooled / max(correct, 1),
                      'fooledByTheRun': claimed, 'nearTies': ties, 'disagreements': disagreements,
                      'torch': torch.__version__}, indent=2))
    sys.exit(1 if disagreements else 0)


if __name__ == '__main__':
    main()
