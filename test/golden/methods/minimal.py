"""Minimal methods. Written out from the papers; what their authors' code does otherwise is said in the methods' files."""
import math

import torch

from common import STEPS, ce, col, gradient, margin


def round8(x):
    return (x * 255).round() / 255


def cosine(k):
    return (1 + math.cos(math.pi * k / STEPS)) / 2


def norm(d, p):
    return d.flatten(1).norm(p=p, dim=1)


def farthest(x, p):
    return norm(torch.maximum(x, 1 - x), p)


def ddn(f, x, y, options):
    rounds = options['rounding'] == 'loop'
    d, r = torch.zeros_like(x), torch.ones(len(x), dtype=x.dtype)
    for k in range(STEPS):
        g, z = gradient(f, x + d, ce(y))
        d = d + (.01 + .99 * cosine(k)) * g / col(norm(g, 2))
        r = torch.minimum(torch.where(z.argmax(1) != y, .95 * r, 1.05 * r), farthest(x, 2))
        after = (x + d * col(r / norm(d, 2))).clamp(0, 1)
        d = (round8(after) if rounds else after) - x
        yield x + d


def l1_ball(d, r):
    """Euclidean projection by sorting (Duchi et al. 2008)."""
    flat = d.flatten(1)
    out = []
    for v, radius in zip(flat, r):
        if v.abs().sum() > radius:
            u = v.abs().sort(descending=True).values
            t = (u.cumsum(0) - radius) / torch.arange(1, len(u) + 1)
            v = v.sign() * (v.abs() - t[(u > t).nonzero().max()]).clamp(min=0)
        out.append(v)
    return torch.stack(out).view_as(d)


def keep_largest(d, r):
    flat = d.flatten(1)
    last = [v.abs().sort(descending=True).values[max(int(k), 1) - 1] for v, k in zip(flat, r)]
    return torch.where(d.abs() < col(torch.stack(last)), torch.zeros_like(d), d)


def fmn(f, x, y, options):
    p = {'l0': 0, 'l1': 1, 'l2': 2, 'linf': math.inf}[options['norm']]
    dual = {0: 2, 1: math.inf, 2: 2, math.inf: 1}[p]
    d, best = torch.zeros_like(x), torch.full((len(x),), math.inf, dtype=x.dtype)
    r = torch.full_like(best, 1 if p == 0 else math.inf)
    for k in range(STEPS):
        a, gamma = .01 + .99 * cosine(k), .001 + .049 * cosine(k)
        seen = x + d if options['rounding'] == 'end' else round8(x + d)
        size = norm(seen - x, p) if p else ((seen - x).flatten(1) != 0).sum(1).double()
        g, z = gradient(f, seen, lambda z: margin(z, y))
        fooled = z.argmax(1) != y
        best = torch.where(fooled, torch.minimum(best, size), best)
        if p == 0:
            r = torch.where(fooled, torch.minimum(torch.minimum(r - 1, (r * (1 - gamma)).floor()), best), torch.maximum(r + 1, (r * (1 + gamma)).floor())).clamp(min=0)
        else:
            ahead = size + margin(z, y).abs() / norm(g, dual)
            r = torch.where(fooled, torch.minimum(r * (1 - gamma), best), torch.where(best.isfinite(), r * (1 + gamma), ahead))
            r = torch.minimum(r, farthest(x, p))
        d = d + a * g / col(norm(g, 2))
        if p == 0:
            d = keep_largest(d, r)
        elif p == 1:
            d = l1_ball(d, r)
        elif p == 2:
            d = d * col(r / norm(d, 2))
        else:
            d = torch.maximum(torch.minimum(d, col(r)), -col(r))
        d = (x + d).clamp(0, 1) - x
        yield x + d


def boundary_step(f, x, y, at):
    """DeepFool's step from one image [1, ...]: to the nearest of the linearised boundaries, and 2 % past it."""
    steps = []
    for k in range(10):
        if k != y:
            g, z = gradient(f, at, lambda z: z[:, k] - z[:, y])
            distance = (z[0, k] - z[0, y]).abs() / g.norm()
            steps.append((distance, 1.02 * (distance + 1e-4) * g / g.norm()))
    return (at + min(steps, key=lambda s: s[0])[1]).clamp(0, 1)


def deepfool(f, x, y, options):
    at = x.clone()
    for _ in range(STEPS):
        at = torch.cat([a if f(a).argmax() != label else boundary_step(f, x, label, a) for a, label in zip(at.split(1), y)])
        yield at


def sdf(f, x, y, options):
    def run(clean, label):
        at, base, inner = clean, clean, 0
        for _ in range(STEPS):
            fooled = (f(at).argmax() != label).item()
            if fooled and inner:
                g, _ = gradient(f, at, lambda z: margin(z, label[None]))
                base = at = (base + ((at - clean) * g).sum() / (g * g).sum() * g).clamp(0, 1)
                inner = 0
            elif not fooled:
                at, inner = boundary_step(f, clean, label, at), inner + 1
            yield at

    for one in zip(*(run(clean, label) for clean, label in zip(x.split(1), y))):
        yield torch.cat(one)


def alma(f, x, y, options):
    d, square, velocity = torch.zeros_like(x), torch.ones_like(x), torch.zeros_like(x)
    mu, rho = torch.ones(len(x), dtype=x.dtype), torch.ones(len(x), dtype=x.dtype)
    first = torch.full((len(x),), STEPS + 1.)
    check, checked = options['check'], None

    def ratio(z):
        top = z.sort(dim=1, descending=True).values
        return (-margin(z, y) + 1e-4) / (top[:, 0] - top[:, 2])

    def slope(v):
        v = v.detach().requires_grad_(True)
        p = torch.where(v >= 0, mu * v + mu * rho * v**2 + rho**2 * v**3 / 6, mu * v / (1 - rho * v.clamp(max=0)))
        return torch.autograd.grad(p.sum(), v)[0]

    for k in range(STEPS):
        g, z = gradient(f, x + d, ratio)
        v = ratio(z)
        if k == 0:
            checked = v
        elif (k + 1) % check == 0:
            rho = torch.where((first > STEPS) & (v >= .95 * checked), 1.2 * rho, rho)
            checked = v
        if k:
            mu = .9 * mu + .1 * slope(v)
        first = torch.where((v < 0) & (first > STEPS), torch.full_like(first, k), first)
        g = g * col(slope(v)) + (d / col(norm(d, 2)) if k else 0)
        square = .9 * square + .1 * g**2
        velocity = .9 * velocity + g / (square.sqrt() + 1e-8)
        a = .1 * .01 ** ((k - first).clamp(min=0) / (STEPS - first))
        d = (x + d - col(a) * velocity).clamp(0, 1) - x
        yield x + d


def sigma_zero(f, x, y, options):
    d = torch.zeros_like(x).requires_grad_(True)
    adam = torch.optim.Adam([d], lr=1.)
    threshold = torch.full((len(x),), .3, dtype=x.dtype)
    rate = lambda k: .1 + .9 * (1 + math.cos(math.pi * k / STEPS)) / 2
    for k in range(STEPS):
        z = f(x + d)
        loss = (-margin(z, y)).clamp(min=0) + (d**2 / (d**2 + .001)).flatten(1).mean(1)
        g, = torch.autograd.grad(loss.sum(), d)
        d.grad = g / col(norm(g, math.inf))
        for group in adam.param_groups:
            group['lr'] = rate(k)
        adam.step()
        with torch.no_grad():
            d.copy_((x + d).clamp(0, 1) - x)
            threshold = (threshold + torch.where(z.argmax(1) != y, .01, -.01) * rate(k + 1)).clamp(0, 1)
            d.copy_(torch.where(d.abs() < col(threshold), torch.zeros_like(d), d))
        yield (x + d).detach().clone()


def project(t, g, need, linf):
    """Least d with g . d = need and t + d in the box, by its dual variable; the corner where there is none."""
    way = g.sign() if linf else g
    at = lambda v: torch.minimum(torch.maximum(v * way, -t), 1 - t)
    low, high = (0., 1e6) if need > 0 else (-1e6, 0.)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (g * at(middle)).sum() < need else (low, middle)
    return at(high)


def fab(f, x, y, options):
    linf = options['norm'] == 'linf'
    size = (lambda d: d.abs().max()) if linf else (lambda d: d.norm())

    def run(clean, label):
        at = clean
        for _ in range(STEPS):
            faces = []
            for k in range(10):
                if k != label:
                    g, z = gradient(f, at, lambda z: z[:, k] - z[:, label])
                    gap = z[0, k] - z[0, label]
                    faces.append((gap.abs() / (g.abs().sum() if linf else g.norm()), g, gap))
            _, g, gap = min(faces, key=lambda face: face[0])
            own, other = (project(t, g, -gap - (g * (t - at)).sum(), linf) for t in (at, clean))
            a = min(size(own).clamp(min=1e-8) / (size(own).clamp(min=1e-8) + size(other).clamp(min=1e-8)), torch.tensor(.1))
            at = ((1 - a) * (at + 1.05 * own) + a * (clean + 1.05 * other)).clamp(0, 1)
            if f(at).argmax() != label:
                at = clean + .9 * (at - clean)
            yield at

    for one in zip(*(run(clean, label) for clean, label in zip(x.split(1), y))):
        yield torch.cat(one)


def case(run, **options):
    return {'region': 'all', 'rounding': 'end', 'iterations': STEPS, **options}, run


CASES = {
    'ddn': case(ddn, method='ddn', rounding='loop'),
    'ddn end': case(ddn, method='ddn'),
    # A check in each other step, so that five see the penalty grow.
    'alma': case(alma, method='alma', check=2),
    'sigma-zero': case(sigma_zero, method='sigma-zero'),
    'deepfool': case(deepfool, method='deepfool'),
    'fab l2': case(fab, method='fab', norm='l2'),
    'fab linf': case(fab, method='fab', norm='linf'),
    'sdf': case(sdf, method='sdf'),
    **{f'fmn {p}': case(fmn, method='fmn', norm=p) for p in ('l2', 'linf', 'l1', 'l0')},
}
