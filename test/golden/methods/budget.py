"""Methods that climb the loss within a linf or l2 budget, written out from their papers and their authors' code."""
import math

import numpy as np
import torch

from common import STEPS, ce, col, gradient, margin, normal2, random4, seen_l2, seen_linf, uniform01

EPS, EPS2 = 8 / 255, .5


def noise(x, draw, step=0):
    """[2, 3, 32, 32] of one draw a value: uniform in (-1, 1), N(0, 1) or a sign; seed 0, images 0 and 1."""
    out = []
    for image in range(len(x)):
        words = random4(0, image, np.arange(x[0].numel()), step)
        values = {
            'uniform': lambda: 2 * uniform01(words[0]) - 1,
            'normal': lambda: normal2(words[0], words[1])[0],
            'sign': lambda: np.where(words[0] >= 0x80000000, 1., -1.),
        }[draw]()
        out.append(torch.tensor(values).view(x[0].shape))
    return torch.stack(out)


def unit(d):
    return d / col(d.flatten(1).norm(dim=1) + 1e-12)


def linf(x, near, eps):
    return torch.min(torch.max(near, x - eps), x + eps).clamp(0, 1)


def l2(x, near, eps):
    d = near - x
    return (x + d * col((eps / (d.flatten(1).norm(dim=1) + 1e-12)).clamp(max=1))).clamp(0, 1)


def signs(f, x, y, at, alpha, eps):
    for _ in range(STEPS):
        g, _ = gradient(f, at, ce(y))
        at = linf(x, at + alpha * g.sign(), eps)
        yield at


def fgsm(f, x, y, _):
    return signs(f, x, y, x, EPS, EPS)


def rand_fgsm(f, x, y, options):
    a = options['alpha']
    return signs(f, x, y, (x + a * noise(x, 'sign')).clamp(0, 1), EPS - a, EPS)


def ifgsm(f, x, y, _):
    return signs(f, x, y, x, 1 / 255, EPS)


def mifgsm(f, x, y, options, through=lambda at, step: at):
    at, m = x, torch.zeros_like(x)
    for step in range(STEPS):
        g, _ = gradient(lambda image: f(through(image, step)), at, ce(y))
        m = options['decay'] * m + g / col(g.flatten(1).abs().sum(1))
        at = linf(x, at + options['alpha'] * m.sign(), EPS)
        yield at


def diverse(at, step, probability, least):
    """Nearest-neighbour shrink to a random side, padded to the old one at a random place; differentiable."""
    side, out = at.shape[-1], []
    for image in range(len(at)):
        u = [uniform01(word).item() for word in random4(0, image, 0xd1000000, step)]
        if u[0] >= probability:
            out.append(at[image])
            continue
        small = int(least * side) + int(u[1] * (side - int(least * side)))
        top, left = int(u[2] * (side - small)), int(u[3] * (side - small))
        rows = torch.arange(small) * side // small
        shrunk = at[image][:, rows][:, :, rows]
        out.append(torch.nn.functional.pad(shrunk, (left, side - small - left, top, side - small - top)))
    return torch.stack(out)


def mdi2fgsm(f, x, y, options):
    return mifgsm(f, x, y, options, lambda at, step: diverse(at, step, options['diversity'], options['resize']))


def pgd(f, x, y, options):
    if options['norm'] == 'linf':
        yield from signs(f, x, y, (x + EPS * noise(x, 'uniform')).clamp(0, 1), 2 / 255, EPS)
        return
    length = [uniform01(random4(0, image, 0xffffffff, 0)[0]).item() ** (1 / 3072) for image in range(len(x))]
    at = (x + EPS2 * unit(noise(x, 'normal')) * col(torch.tensor(length).double())).clamp(0, 1)
    for _ in range(STEPS):
        g, _ = gradient(f, at, ce(y))
        at = l2(x, at + .1 * unit(g), EPS2)
        yield at


def dlr(y):
    def loss(z):
        top = z.sort(1, descending=True)[0]
        return margin(z, y) / (top[:, 0] - top[:, 2] + 1e-12)
    return loss


def dlr_towards(y, t):
    def loss(z):
        top = z.sort(1, descending=True)[0]
        pick = lambda c: z.gather(1, c[:, None])[:, 0]
        return (pick(t) - pick(y)) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + 1e-12)
    return loss


def apgd(f, x, y, options):
    """One run, written image by image after Algorithm 1 and the authors' checkpoints."""
    eps, count = options['epsilon'], options['iterations']
    is_linf = options['norm'] == 'linf'
    least, shorter = max(int(.06 * count), 1), max(int(.03 * count), 1)
    ascents = []
    for image in range(len(x)):
        one, label = x[image:image + 1], y[image:image + 1]
        loss = {'ce': ce(label), 'dlr': dlr(label)}.get(options.get('loss'))
        if options['method'] == 'apgd-t':
            others = f(one)[0].argsort(descending=True)
            loss = dlr_towards(label, others[others != label][:1])
        start = noise(x, 'uniform' if is_linf else 'normal')[image:image + 1]
        start = start / start.abs().max() if is_linf else unit(start)
        at = (one + eps * start).clamp(0, 1)
        project = linf if is_linf else l2
        direction = torch.sign if is_linf else unit
        losses, tops, points, halvings, checked, every, step, before, path = [], [], [], [True], 0, max(int(.22 * count), 1), 2 * eps, at, []
        for k in range(STEPS):
            g, z = gradient(f, at, loss)
            value = loss(z).item()
            losses.append(value)
            points.append((value, at, g))
            best = max(points, key=lambda point: point[0])
            tops.append(best[0])
            if k > 0 and k - checked == every:
                # The loss before the first step counts as 0, not as the start's.
                past = [0.] + losses[1:]
                rises = sum(past[j] > past[j - 1] for j in range(checked + 1, k + 1))
                halve = rises <= .75 * every or (not halvings[-1] and tops[checked] >= tops[k])
                if halve:
                    step, at, g = step / 2, best[1], best[2]
                halvings.append(halve)
                checked, every = k, max(every - shorter, least)
            a = .75 if k > 0 else 1.
            z = project(one, at + step * direction(g), eps)
            at, before = project(one, at + a * (z - at) + (1 - a) * (at - before), eps), at
            path.append(at)
        ascents.append(path)
    yield from (torch.cat(points) for points in zip(*ascents))


def square_side(query, queries, share, size, is_linf):
    at = int(query / queries * 10000)
    for halved, until in enumerate((10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000, 10000)):
        if at <= until:
            break
    side = round(math.sqrt(share / 2**halved) * size)
    if is_linf:
        return min(max(side, 1), size)
    side = max(side, 3)
    return min(side + (side % 2 == 0), size)


def pyramid(rows, columns):
    """The authors' eta_rectangles: growing rectangles, the j-th of height 1 / j^2."""
    d = torch.zeros(rows, columns).double()
    top, left = rows // 2, columns // 2
    for j in range(max(top, left) + 1):
        d[max(top - j, 0):top + j + 1, max(left - j, 0):left + j + 1] += 1 / (j + 1)**2
    return d / d.norm()


def eta(side, turned):
    d = torch.cat([pyramid(side // 2, side), -pyramid(side - side // 2, side)])
    d = d / d.norm()
    return d.T if turned else d


def square(f, x, y, options):
    eps, queries, share = options['epsilon'], options['queries'], options['p']
    is_linf = options['norm'] == 'linf'
    size, ascents = x.shape[-1], []
    bit = lambda word, channel: 1. if int(word) >> (31 - channel) & 1 else -1.
    for image in range(len(x)):
        one, label, path, held, most = x[image], y[image:image + 1], [], None, -math.inf
        draw = lambda element, step: [word.item() for word in random4(0, image, element, step)]
        pick = lambda word, count: int((word >> 8) * 2.**-24 * count)
        for query in range(STEPS):
            side = square_side(max(query - 1, 0), queries, share, size, is_linf)
            places, signs = draw(0x5a000000, query), draw(0x5a000001, query)
            top, left, top2, left2 = (pick(word, size - side) for word in places)
            one_square = (slice(None), slice(top, top + side), slice(left, left + side))
            other = (slice(None), slice(top2, top2 + side), slice(left2, left2 + side))
            flips = torch.tensor([bit(signs[0], c) for c in range(3)]).double().view(3, 1, 1)
            if is_linf:
                if query == 0:
                    stripes = [[bit(draw(0x5a100000 + c * size + column, 0)[0], 0) for column in range(size)] for c in range(3)]
                    at = one + eps * torch.tensor(stripes).double()[:, None]
                else:
                    at = held.clone()
                    at[one_square] += 2 * eps * flips
                at = torch.min(torch.max(at, one - eps), one + eps).clamp(0, 1)
            else:
                if query == 0:
                    d, tile = torch.zeros_like(one), size // 5
                    edge = (size - 5 * tile) // 2
                    for row in range(5):
                        for column in range(5):
                            words = draw(0x5a100000 + row * 5 + column, 0)
                            for c in range(3):
                                a, b = edge + row * tile, edge + column * tile
                                d[c, a:a + tile, b:b + tile] = eta(tile, words[1] >= 2**31) * bit(words[0], c)
                else:
                    d = held - one
                    windows = torch.zeros_like(one)
                    windows[one_square] = windows[other] = 1
                    channel = lambda v: v.flatten(1).norm(dim=1).view(3, 1, 1)
                    mass = (max(eps**2 - d.norm().item()**2, 0) / 3 + channel(d * windows)**2).sqrt()
                    new = eta(side, signs[1] >= 2**31) * flips + d[one_square] / (1e-12 + channel(d[one_square]))
                    d[other] = 0
                    d[one_square] = new / (1e-12 + channel(new)) * mass
                at = (one + d / d.norm() * eps).clamp(0, 1)
            path.append(at[None])
            seen = (seen_linf if is_linf else seen_l2)(one[None], at[None], eps)
            value = margin(f(seen).detach(), label).item()
            if value > most:
                held, most = at, value
            if value > 0:
                path += [at[None]] * (STEPS - len(path))
                break
        ascents.append(path)
    yield from (torch.cat(points) for points in zip(*ascents))


CASES = {
    'square linf': ({'method': 'square', 'norm': 'linf', 'epsilon': 4 / 255, 'queries': 40, 'p': .3}, square),
    'square l2': ({'method': 'square', 'norm': 'l2', 'epsilon': .2, 'queries': 40, 'p': .3}, square),
    'apgd linf': ({'method': 'apgd', 'norm': 'linf', 'loss': 'ce', 'epsilon': EPS, 'iterations': STEPS}, apgd),
    # A small budget: past the boundary, where y is third, the ratio is 1 and its gradient nothing but rounding.
    'apgd l2 dlr': ({'method': 'apgd', 'norm': 'l2', 'loss': 'dlr', 'epsilon': .1, 'iterations': 14}, apgd),
    'apgd-t linf': ({'method': 'apgd-t', 'norm': 'linf', 'epsilon': EPS, 'iterations': STEPS}, apgd),
    'fgsm': ({'method': 'fgsm'}, fgsm),
    'rand-fgsm': ({'method': 'rand-fgsm', 'alpha': 3 / 255}, rand_fgsm),
    'ifgsm': ({'method': 'ifgsm', 'iterations': STEPS}, ifgsm),
    'mifgsm': ({'method': 'mifgsm', 'iterations': STEPS, 'alpha': 1.5 / 255, 'decay': .8}, mifgsm),
    'mdi2fgsm': ({'method': 'mdi2fgsm', 'iterations': STEPS, 'alpha': 1 / 255, 'decay': 1, 'diversity': .8, 'resize': .75}, mdi2fgsm),
    'pgd linf': ({'method': 'pgd', 'norm': 'linf', 'iterations': STEPS}, pgd),
    'pgd l2': ({'method': 'pgd', 'norm': 'l2', 'iterations': STEPS}, pgd),
}
