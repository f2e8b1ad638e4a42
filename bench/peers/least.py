"""Is the least perturbation that `cfr` finds a floor? What more steps, more targets and integer descent still take off it, in PyTorch.

    python bench/peers/least.py [--net vgg11_bn-cifar10] [--images 64] [--steps 30,100,300]

The mode `minimal` written out, in the binary CFR of the bundled images that the net has right; every verdict is on the 8-bit image. Prints mean and
median l2. Needs torch, safetensors and pillow.
"""
import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test' / 'golden'))
from attacks import column, explain, norms, open_shipped, round8  # noqa: E402
from methods import sample  # noqa: E402

TAU = 0.2


def others(z, y):
    """The logits of the wrong classes; the label's is out of reach."""
    return z.scatter(1, y[:, None], -1e9)


def region(f, x, y):
    """The binary CFR: Grad-CAM of the deepest convolution with at least 4x4 cells, at tau."""
    if not hasattr(f.net, 'features'):
        low = torch.tensor(explain(f, x, y)['camLow'])[:, None]
        return mark(low, x)
    a, tap = ((x - f.mean) / f.std).clone().requires_grad_(True), None
    for layer in f.net.features:
        a = layer(a)
        if isinstance(layer, torch.nn.ReLU) and a.shape[-1] >= 4:
            tap = a
    logit = f.net.classifier(a.flatten(1)).gather(1, y[:, None]).sum()
    gradient, = torch.autograd.grad(logit, tap)
    low = F.relu((gradient.mean((2, 3), keepdim=True) * tap).sum(1, keepdim=True)).detach()
    return mark(low, x)


def mark(low, x):
    """All pixels where there is no evidence for the label."""
    cam = F.interpolate(low, size=x.shape[2:], mode='bilinear', align_corners=False)
    return (cam >= TAU * cam.amax((1, 2, 3), keepdim=True)).float()


def minimal(f, x, y, M, N, gamma=(.3, .003), target=None, r0=.3, a_min=.01):
    """The best image and its l2 (infinite where nothing fools). `target`: up the margin of this class over the label, not the cross-entropy."""
    d, r = torch.zeros_like(x), torch.full((len(x), 1, 1, 1), r0)
    best, least = x.clone(), torch.full((len(x),), math.inf)
    for i in range(N + 1):
        q = round8((x + d * M).clamp(0, 1)).requires_grad_(True)
        z = f(q)
        fooled, now = (z.argmax(1) != y).detach(), norms(q.detach() - x)
        up = fooled & (now < least)
        least[up], best[up] = now[up], q.detach()[up]
        if i == N:
            return best, least
        if target is None:
            loss = F.cross_entropy(z, y, reduction='sum')
        else:
            loss = (z.gather(1, target[:, None]) - z.gather(1, y[:, None])).sum()
        g, = torch.autograd.grad(loss, q)
        g, c = g * M, (1 + math.cos(math.pi * i / N)) / 2
        d = d + (a_min + (1 - a_min) * c) * g / column(norms(g) + 1e-12)
        if i > 0:
            change = gamma[1] + (gamma[0] - gamma[1]) * c
            r = torch.where(column(fooled), r * (1 - change), r * (1 + change))
        p = d * M
        p = (x + p * (r / column(norms(p) + 1e-12))).clamp(0, 1) - x
        d = torch.where(M > 0, p, torch.zeros_like(p))


def take_back(f, x, y, M, best, rounds=8):
    """Integer descent: the pixel steps that do least for their length are taken back, as many as the net stays fooled without."""
    levels, best = (x * 255).round(), best.clone()

    def fools(q):
        with torch.no_grad():
            return f(q).argmax(1) != y

    for _ in range(rounds):
        q = best.clone().requires_grad_(True)
        z = f(q)
        g, = torch.autograd.grad((z.gather(1, y[:, None])[:, 0] - others(z, y).max(1)[0]).sum(), q)
        steps = (best * 255).round() - levels
        worth = -g * M * steps.sign() / (2 * steps.abs() - 1)
        order = torch.where(steps != 0, worth, torch.full_like(steps, math.inf)).flatten(1).argsort(1)
        rank = torch.zeros(order.shape).scatter(1, order, torch.arange(order.shape[1]).float().expand(order.shape))

        def without(count):
            take = (rank < count[:, None]).view_as(steps)
            return (levels + steps - torch.where(take, steps.sign(), torch.zeros_like(steps))) / 255

        low, high = torch.zeros(len(x)), (steps != 0).flatten(1).sum(1).float()
        for _ in range(9):
            middle = ((low + high) / 2).ceil()
            still = fools(without(middle))
            low, high = torch.where(still, middle, low), torch.maximum(torch.where(still, high, middle - 1), torch.where(still, middle, low))
        tried = without(low)
        better = fools(tried) & (norms(tried - x) < norms(best - x))
        best = torch.where(column(better), tried, best)
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--net', default='vgg11_bn-cifar10')
    parser.add_argument('--images', type=int, default=64, help='of which those count that the net has right')
    parser.add_argument('--steps', default='30,100,300')
    parser.add_argument('--targets', type=int, default=5)
    args = parser.parse_args()
    f, _ = open_shipped(str(ROOT / 'weights' / 'files' / f'{args.net}.safetensors'), torch.float32)
    pixels, labels = sample()
    x, y = torch.from_numpy(pixels[:args.images].astype(np.float32)) / 255, labels[:args.images]
    with torch.no_grad():
        right = f(x).argmax(1) == y
        x, y = x[right], y[right]
        ranked = others(f(x), y).argsort(1, descending=True)
    M = region(f, x, y)
    print(f'{args.net}: {len(x)} images; mean, median l2', flush=True)

    def say(what, least):
        found = least[least < math.inf]
        print(f'{what}: {found.mean():.4f}, {least.median():.4f}; fools {len(found)}', flush=True)

    runs = {}
    for N in map(int, args.steps.split(',')):
        best, runs[N] = minimal(f, x, y, M, N)
        say(f'{N} steps', runs[N])
        least = norms(take_back(f, x, y, M, best) - x)
        say(f'{N} steps, pixel steps taken back', torch.where(runs[N] < math.inf, least, runs[N]))
    say('30 steps, the radius changing by .1 throughout', minimal(f, x, y, M, 30, gamma=(.1, .1))[1])
    least = runs.get(100, minimal(f, x, y, M, 100)[1])
    for k in range(args.targets):
        least = torch.minimum(least, minimal(f, x, y, M, 100, target=ranked[:, k])[1])
        say(f'100 steps, and 100 more towards each of the {k + 1} likeliest wrong classes', least)


if __name__ == '__main__':
    main()
