"""The `cfr` method in the whole image (region all): what its modes do with a gradient. The masks have golden files of their own."""
import math

import torch

from common import STEPS, ce, col, gradient, round8, seen_l2, seen_linf


def unit(g):
    return g / col(g.flatten(1).norm(dim=1) + 1e-12)


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
        seen = (seen_linf if linf else seen_l2)(x, x + p, eps)
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
    'cfr minimal': ({'method': 'cfr', 'region': 'all', 'iterations': STEPS, 'gamma': .1, 'gammaEnd': .1}, minimal),
    'cfr budget linf': ({'method': 'cfr', 'region': 'all', 'mode': 'budget', 'norm': 'linf', 'epsilon': 8 / 255, 'iterations': STEPS}, budget),
    'cfr budget l2': ({'method': 'cfr', 'region': 'all', 'mode': 'budget', 'epsilon': 1., 'iterations': STEPS}, budget),
}
