"""Methods that change few pixels, or hold a constraint by construction."""
import math

import numpy as np
import torch

from common import STEPS, ce, col, gradient, margin, normal2, random4, uniform01


class Adam:
    """Adam in tanh space, with TensorFlow's place of epsilon; each image has its own age."""

    def __init__(self, x, rate):
        self.rate, self.w = rate, torch.atanh(.999999 * (2 * x - 1))
        self.m, self.v = torch.zeros_like(x), torch.zeros_like(x)
        self.age = torch.zeros(len(x), dtype=x.dtype)

    def inside(self):
        return (torch.tanh(self.w) + 1) / 2

    def slope(self, g):
        p = self.inside()
        return g * 2 * p * (1 - p)

    def step(self, g, which=None):
        """On the images and elements where `which` is 1."""
        which = torch.ones_like(g) if which is None else which
        g = self.slope(g)
        self.age = self.age + which.flatten(1).amax(1)
        m, v = .9 * self.m + .1 * g, .999 * self.v + .001 * g * g
        age = self.age.clamp(min=1)
        length = self.rate * (1 - .999 ** age).sqrt() / (1 - .9 ** age)
        self.m, self.v = which * m + (1 - which) * self.m, which * v + (1 - which) * self.v
        self.w = self.w - which * col(length) * self.m / (self.v.sqrt() + 1e-8)

    def reset(self, images):
        keep = col((~images).double())
        self.m, self.v, self.age = self.m * keep, self.v * keep, self.age * keep.flatten()


def round8(x):
    return (x * 255).round() / 255


def look(f, iterate, y):
    g, z = gradient(f, round8(iterate), lambda z: margin(z, y))
    return g, margin(z, y)


def cw_l2(f, x, y, options):
    adam, at = Adam(x, .01), x
    for _ in range(STEPS):
        g, past = look(f, at, y)
        adam.step(2 * (at - x) - options['const'] * col((past < 0).double()) * g)
        at = adam.inside()
        yield at


def cw_linf(f, x, y, options):
    adam, at = Adam(x, .005), x
    tau, c = torch.ones(len(x), dtype=x.dtype), torch.full((len(x),), options['initialConst'], dtype=x.dtype)
    for _ in range(STEPS):
        g, past = look(f, at, y)
        excess = ((at - x).abs() - col(tau)).clamp(min=0).flatten(1).sum(1)
        worked = (past > 0) & (c * (-past).clamp(min=0) + excess < 1e-4 * c)
        live = (tau > 1 / 256).double()
        shrunk = torch.minimum(tau, (round8(at) - x).abs().flatten(1).amax(1)) * .9
        tau = torch.where(worked, shrunk, tau)
        adam.reset(worked)
        d = at - x
        adam.step(d.sign() * (d.abs() > col(tau)) - col(c * (past < 0)) * g, col(live).expand_as(x))
        at = adam.inside()
        yield at


def cw_l0(f, x, y, options):
    adam, at, c = Adam(x, .01), x, options['initialConst']
    allowed = torch.ones_like(x[:, :1])
    for _ in range(STEPS):
        g, past = look(f, at, y)
        gap = (.01 - past).clamp(min=0)
        full = 2 * (at - x) - c * col((gap > 0).double()) * g
        worked = (past > 0) & (gap < 1e-4)
        for i in worked.nonzero().flatten():
            d = at[i] - x[i]
            worth = (d.sum(0).abs() * adam.slope(full)[i].abs().sum(0)).flatten()
            most = .3 * (d.abs() >= 1e-4).any(0).sum().double().sqrt()
            did = 0
            for p in worth.argsort():
                if allowed[i].view(-1)[p]:
                    did += 1
                    allowed[i].view(-1)[p] = 0
                    if worth[p] > .01 or did >= most:
                        break
        adam.step(full, allowed.expand_as(x) * col((~worked).double()))
        adam.reset(worked)
        at = allowed * adam.inside() + (1 - allowed) * x
        yield at


def jsma(f, x, y, options):
    at, theta = x, options['theta']
    way = 1 if theta > 0 else -1
    aim = f(x).detach().scatter(1, y[:, None], -torch.inf).argmax(1)
    done = [False] * len(x)
    for _ in range(STEPS):
        seen, at = round8(at), at.clone()
        own, z = gradient(f, seen, lambda z: z.gather(1, aim[:, None])[:, 0])
        rest, _ = gradient(f, seen, lambda z: z.sum(1) - z.gather(1, aim[:, None])[:, 0])
        for i in range(len(x)):
            done[i] = done[i] or bool(z[i].argmax() != y[i])
            if done[i]:
                continue
            a, b = way * own[i].flatten(), way * rest[i].flatten()
            out = at[i].flatten() >= 1 if way > 0 else at[i].flatten() <= 0
            if options['together'] == 2:
                up, down = a[:, None] + a, b[:, None] + b
                worth = torch.where((up > 0) & (down < 0), -up * down, 0).triu(1)
                worth[out], worth[:, out] = 0, 0
                moved = divmod(int(worth.argmax()), len(a))
            else:
                worth = torch.where((a > 0) & (b < 0) & ~out, -a * b, 0)
                moved = int(worth.argmax()),
            for e in moved:
                at[i].view(-1)[e] = (at[i].view(-1)[e] + theta).clamp(0, 1)
        yield at


def one_pixel(f, x, y, options):
    size, count = options['population'], options['pixels']
    at, done, parents, old = x.clone(), [False] * len(x), [None] * len(x), [None] * len(x)
    top = np.array([31, 31, 255, 255, 255.])
    member = np.arange(size)

    def paint(i, genes):
        image = (x[i] * 255).round()
        for col_, row, *colour in genes:
            image[:, int(np.round(row)), int(np.round(col_))] = torch.tensor(np.round(colour))
        return image / 255

    for k in range(STEPS):
        for i in range(len(x)):
            if done[i]:
                continue
            if k == 0:
                element = 2 * np.arange(size * count)
                place = random4(0, i, element, 0)[0] % 1024
                words = random4(0, i, element + 1, 0)
                colour = [*normal2(words[0], words[1]), normal2(words[2], words[3])[0]]
                genes = np.stack([place % 32, place // 32, *(np.clip(128 + 127 * c, 0, 255) for c in colour)], 1)
                children = genes.astype(np.float64).reshape(size, count, 5)
            else:
                words = [w.astype(np.int64) for w in random4(0, i, member, k)]
                r1 = words[0] % size
                r2 = (r1 + 1 + words[1] % (size - 1)) % size
                r3 = words[2] % (size - 2)
                r3 = r3 + (r3 >= np.minimum(r1, r2))
                r3 = r3 + (r3 >= np.maximum(r1, r2))
                p = parents[i]
                children = np.clip(p[r1] + options['factor'] * (p[r2] - p[r3]), 0, top)
            with torch.no_grad():
                z = f(torch.stack([paint(i, genes) for genes in children]))
            fitness = z.scatter(1, y[i].expand(size, 1), -torch.inf).logsumexp(1) - z[:, y[i]]
            better = torch.ones(size, dtype=torch.bool) if k == 0 else fitness > old[i]
            old[i] = fitness if k == 0 else torch.where(better, fitness, old[i])
            parents[i] = np.where(better.numpy()[:, None, None], children, children if k == 0 else parents[i])
            at[i] = paint(i, parents[i][int(old[i].argmax())])
            done[i] = bool(f(at[i:i + 1]).argmax() != y[i])
        yield at.clone()


def lbfgs(f, x, y, options):
    c, at = options['initialConst'], x.clone()
    memory = [dict(point=None, pairs=[]) for _ in x]
    for _ in range(STEPS):
        g, z = gradient(f, at, ce(y))
        loss, at = ce(y)(z), at.clone()
        for i, one in enumerate(memory):
            value = c * (at[i] - x[i]).square().sum() - loss[i]
            slope = 2 * c * (at[i] - x[i]) - g[i]
            if one['point'] is None or value <= one['value'] + 1e-4 * (one['slope'] * (at[i] - one['point'])).sum():
                held = ((at[i] <= 0) & (slope > 0)) | ((at[i] >= 1) & (slope < 0))
                if one['point'] is not None:
                    s, t = at[i] - one['point'], slope - one['slope']
                    if (s * t).sum() > 0:
                        one['pairs'] = [(s, t), *one['pairs']][:10]
                q = torch.where(held, 0, slope)
                steepest = q / q.norm()
                weights = []
                for s, t in one['pairs']:
                    weights.append((s * q).sum() / (s * t).sum())
                    q = q - weights[-1] * t
                if one['pairs']:
                    s, t = one['pairs'][0]
                    q = q * (s * t).sum() / t.square().sum()
                else:
                    q = steepest
                for (s, t), w in reversed(list(zip(one['pairs'], weights))):
                    q = q + s * (w - (t * q).sum() / (s * t).sum())
                q = torch.where(held, 0, q)
                q = q if (q * slope).sum() > 0 else steepest
                one.update(point=at[i].clone(), value=value, slope=slope, way=-q, length=1.)
            else:
                one['length'] /= 2
            at[i] = (one['point'] + one['length'] * one['way']).clamp(0, 1)
        yield at


def lavan(f, x, y, options):
    at, done = x, torch.zeros(len(x), dtype=torch.bool)
    corner = torch.zeros_like(x)
    side = int((options['area'] * 1024) ** .5)
    corner[:, :, -side:, -side:] = 1
    for _ in range(STEPS):
        g, past = look(f, at, y)
        done = done | (past > 0)
        g = g * corner
        pushed = (at + options['stepSize'] * g / col(g.abs().flatten(1).amax(1))).clamp(0, 1)
        at = torch.where(col(done), at, pushed)
        yield at


def sticker(f, x, y, options):
    samples, reach = 3, 2
    bars = torch.zeros_like(x)
    # A tenth of the image in two bars of 19 pixels' width.
    for middle in (8, 24):
        bars[:, :, middle - 1:middle + 1, 7:26] = 1
    at, m, v = x, torch.zeros_like(x), torch.zeros_like(x)
    for k in range(STEPS):
        at = at.detach().requires_grad_(True)
        loss = 0
        for i in range(len(x)):
            for sample in range(samples):
                w = random4(0, i, sample, k)
                across, down = (int(a) % (2 * reach + 1) - reach for a in w[:2])
                light = 1 + .2 * (2 * float(uniform01(w[2])) - 1)
                seen = torch.full_like(x[i], .5)
                rows, cols = ([max(0, s), 32 + min(0, s)] for s in (down, across))
                seen[:, rows[0]:rows[1], cols[0]:cols[1]] = at[i][:, rows[0] - down:rows[1] - down, cols[0] - across:cols[1] - across]
                loss = loss + ce(y[i:i + 1])(f((light * seen)[None].clamp(0, 1))).sum() / samples
        g, = torch.autograd.grad(loss, at)
        d = at.detach() - x
        g = bars * (g - .01 * d / col(d.flatten(1).norm(dim=1).clamp(min=1e-12)))
        m, v = .9 * m + .1 * g, .999 * v + .001 * g * g
        length = options['learningRate'] * (1 - .999 ** (k + 1)) ** .5 / (1 - .9 ** (k + 1))
        at = (at.detach() + length * m / (v.sqrt() + 1e-8)).clamp(0, 1)
        yield at


def adv_patch(f, x, y, options):
    side = int(32 * options['area'] ** .5)
    patch = torch.full((len(x), 3, side * side), .5, dtype=x.dtype)
    lines, columns = torch.meshgrid(torch.arange(32) + .5, torch.arange(32) + .5, indexing='ij')
    for k in range(STEPS):
        texels = []
        for i in range(len(x)):
            a, b, c, d = (float(uniform01(w)) for w in random4(0, i, 0, k))
            t = math.radians(22.5) / 2 * (2 * c - 1)
            cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
            scale = 1 - .2 * d
            reach = .5 * side * scale * (abs(cos) + abs(sin))
            dx = (columns - reach - (32 - 2 * reach) * a) / scale
            dy = (lines - reach - (32 - 2 * reach) * b) / scale
            u, v = (cos * dx + sin * dy + side / 2).floor(), (cos * dy - sin * dx + side / 2).floor()
            texels.append(torch.where((u >= 0) & (u < side) & (v >= 0) & (v < side), v * side + u, -1).long())
        texels = torch.stack(texels).view(len(x), 1, -1).expand(-1, 3, -1)
        patch = patch.detach().requires_grad_(True)
        at = torch.where(texels >= 0, patch.gather(2, texels.clamp(min=0)), x.flatten(2)).view_as(x)
        g, = torch.autograd.grad(ce(y)(f(at)).sum(), patch)
        patch = (patch + options['stepSize'] * g / g.abs().amax((1, 2), keepdim=True)).clamp(0, 1)
        yield at


CASES = {
    'cw-l2': ({'method': 'cw-l2', 'iterations': STEPS, 'const': 2.}, cw_l2),
    'cw-linf': ({'method': 'cw-linf', 'iterations': STEPS, 'initialConst': 1.}, cw_linf),
    'cw-l0': ({'method': 'cw-l0', 'iterations': STEPS, 'initialConst': 1.}, cw_l0),
    'jsma': ({'method': 'jsma', 'theta': .1, 'together': 2}, jsma),
    'jsma one': ({'method': 'jsma', 'theta': -.1, 'together': 1}, jsma),
    'one-pixel': ({'method': 'one-pixel', 'population': 20, 'pixels': 1, 'factor': .5, 'iterations': STEPS}, one_pixel),
    'lbfgs': ({'method': 'lbfgs', 'initialConst': .5, 'iterations': STEPS, 'rounding': 'end'}, lbfgs),
    'sticker': ({'method': 'sticker', 'area': .1, 'samples': 3, 'learningRate': .01, 'iterations': STEPS}, sticker),
    'lavan': ({'method': 'lavan', 'area': .05, 'stepSize': .02, 'iterations': STEPS}, lavan),
    'adv-patch': ({'method': 'adv-patch', 'area': .15, 'stepSize': .02, 'iterations': STEPS}, adv_patch),
}
