"""The `cfr` method in the whole image (region all): what its modes do with a gradient. The masks have golden files of their own."""
import math

import torch

from common import STEPS, ce, col, gradient


def unit(g):
    return g / col(g.flatten(1).norm(dim=1) + 1e-12)


def round8(x):
    return (x * 255).round() / 255


def cosine(k):
    return (1 + math.cos(math.pi * k / STEPS)) / 2


def minimal(f, x, y, options):
    d, r = torch.zeros_like(x), None
    for k in range(STEPS):
        seen = round8(x + d)
        g, z = gradient(f, seen, ce(y))
        fooled = z.argmax(1) != y
        d = d + (.01 + .99 * cosine(k)) * unit(g)
        r = torch.full((len(x),), .3, dtype=x.dtype) if r is None else torch.where(fooled, r * .9, r * 1.1)
        d = (x + unit(d) * col(r)).clamp(0, 1) - x
        yield x + d


def budget(f, x, y, options):
    linf, eps = options.get('norm') == 'linf', options['epsilon']
    p, v = torch.zeros_like(x), torch.zeros_like(x)
    for k in range(STEPS):
        # The net sees 8-bit images inside of the budget.
        if linf:
            seen = round8(x) + (round8(x + p) - x).clamp(-math.floor(eps * 255 + 1e-4) / 255, math.floor(eps * 255 + 1e-4) / 255)
        else:
            low, high, fits = -1., 2., None
            seen = torch.empty_like(x)
            for i in range(len(x)):
                low, high = -1., 2.
                at = lambda t: round8((x[i] + 2**t * p[i]).clamp(0, 1))
                fits = (at(low) - x[i]).norm() <= eps
                for _ in range(7):
                    mid = (low + high) / 2
                    low, high = (mid, high) if (at(mid) - x[i]).norm() <= eps else (low, mid)
                seen[i] = at(low) if fits else ((x[i] * 255).round() + (255 * p[i]).trunc()).clamp(0, 255) / 255
        g, _ = gradient(f, seen, ce(y))
        v = .9 * v + unit(g)
        reach = (.01 + .99 * cosine(k)) * eps
        if linf:
            p = (p + reach * v.sign()).clamp(-eps, eps)
        else:
            p = p + reach * unit(v)
            p = p * col((eps / (p.flatten(1).norm(dim=1) + 1e-12)).clamp(max=1))
        p = (x + p).clamp(0, 1) - x
        yield x + p


CASES = {
    'cfr minimal': ({'method': 'cfr', 'region': 'all', 'iterations': STEPS}, minimal),
    'cfr budget linf': ({'method': 'cfr', 'region': 'all', 'mode': 'budget', 'norm': 'linf', 'epsilon': 8 / 255, 'iterations': STEPS}, budget),
    'cfr budget l2': ({'method': 'cfr', 'region': 'all', 'mode': 'budget', 'epsilon': 1., 'iterations': STEPS}, budget),
}
