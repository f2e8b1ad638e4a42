"""Methods that climb the loss within a linf or l2 budget, written out from their papers and their authors' code."""
import numpy as np
import torch

from common import STEPS, ce, col, gradient, normal2, random4, uniform01

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


CASES = {
    'fgsm': ({'method': 'fgsm'}, fgsm),
    'rand-fgsm': ({'method': 'rand-fgsm', 'alpha': 3 / 255}, rand_fgsm),
    'ifgsm': ({'method': 'ifgsm', 'iterations': STEPS}, ifgsm),
    'mifgsm': ({'method': 'mifgsm', 'iterations': STEPS, 'alpha': 1.5 / 255, 'decay': .8}, mifgsm),
    'mdi2fgsm': ({'method': 'mdi2fgsm', 'iterations': STEPS, 'alpha': 1 / 255, 'decay': 1, 'diversity': .8, 'resize': .75}, mdi2fgsm),
    'pgd linf': ({'method': 'pgd', 'norm': 'linf', 'iterations': STEPS}, pgd),
    'pgd l2': ({'method': 'pgd', 'norm': 'l2', 'iterations': STEPS}, pgd),
}
