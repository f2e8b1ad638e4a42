"""What the written-out methods share: a small net with seeded weights, images, losses, and the device's random numbers.

Everything is float64. `setting()` gives the net f (pixels in [0,1] -> logits), x [2, 3, 32, 32] (pixels k/255) and y (its own predictions);
the net's last bias is stored in the golden file, so that both sides use the same one.
"""
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import nets  # noqa: E402
from attacks import Classifier  # noqa: E402

SEED = 3
IMAGES = 2
STEPS = 5


def setting():
    net = nets.build('resnet20', 'cifar', 10, 'A')
    shapes = nets.parameter_shapes(net)
    nets.load(net, {name: nets.seeded(name, shape, SEED) for name, shape in shapes.items()}, torch.float64)
    x = torch.tensor(nets.seeded_pixels('images', IMAGES * 3072, 5)).double().view(IMAGES, 3, 32, 32) / 255
    # In f32, as the program has them.
    x = x.float().double()
    f = Classifier(net.eval(), *nets.CIFAR, torch.float64)
    with torch.no_grad():
        # Seeded nets predict one class for everything: the means of the logits are taken off.
        net.linear.bias -= f(x).mean(0)
        net.linear.bias.copy_(net.linear.bias.float().double())
    y = f(x).argmax(1)
    return f, x, y, net.linear.bias.detach()


def col(v):
    return v.view(-1, 1, 1, 1)


def margin(z, y):
    """z_rival - z_y: positive where the net is fooled."""
    others = z.scatter(1, y[:, None], -math.inf)
    return others.amax(1) - z.gather(1, y[:, None])[:, 0]


def gradient(f, x, loss):
    """d (sum of loss(logits)) / dx, and the logits."""
    x = x.detach().requires_grad_(True)
    z = f(x)
    g, = torch.autograd.grad(loss(z).sum(), x)
    return g, z.detach()


def ce(y):
    return lambda z: F.cross_entropy(z, y, reduction='none')


def random4(seed, image, element, step):
    """pcg4d (Jarzynski and Olano 2020) on uint32 arrays: the twin of shaders/attack_random.wgsl."""
    v = [np.asarray(a, dtype=np.uint64) & 0xffffffff for a in np.broadcast_arrays(seed, image, element, step)]
    cut = 0xffffffff
    v = [(a * 1664525 + 1013904223) & cut for a in v]
    for last in (False, True):
        v[0] = (v[0] + v[1] * v[3]) & cut
        v[1] = (v[1] + v[2] * v[0]) & cut
        v[2] = (v[2] + v[0] * v[1]) & cut
        v[3] = (v[3] + v[1] * v[2]) & cut
        if not last:
            v = [a ^ (a >> 16) for a in v]
    return v


def uniform01(word):
    return (word >> 8).astype(np.float64) * 2.0**-24


def normal2(a, b):
    radius = np.sqrt(-2 * np.log(((a >> 8).astype(np.float64) + 0.5) * 2.0**-24))
    angle = 2 * math.pi * uniform01(b)
    return radius * np.cos(angle), radius * np.sin(angle)


def round8(x):
    return (x * 255).round() / 255


def seen_linf(x, near, eps):
    """What the net is shown of an iterate under a linf budget: 8 bits, in whole levels."""
    levels = math.floor(eps * 255 + 1e-4) / 255
    return round8(x) + (round8(near) - x).clamp(-levels, levels)


def seen_l2(x, near, eps):
    """The same under an l2 budget: scaled by up to 4, so that the rounded norm comes near the budget from below."""
    seen, p = torch.empty_like(x), near - x
    for i in range(len(x)):
        low, high = -1., 2.
        at = lambda t: round8((x[i] + 2**t * p[i]).clamp(0, 1))
        fits = (at(low) - x[i]).norm() <= eps
        for _ in range(7):
            mid = (low + high) / 2
            low, high = (mid, high) if (at(mid) - x[i]).norm() <= eps else (low, mid)
        seen[i] = at(low) if fits else ((x[i] * 255).round() + (255 * p[i]).trunc()).clamp(0, 255) / 255
    return seen
