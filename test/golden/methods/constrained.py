"""Methods that change few pixels, or hold a constraint by construction: Carlini and Wagner's three."""
import torch

from common import STEPS, col, gradient, margin


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


CASES = {
    'cw-l2': ({'method': 'cw-l2', 'iterations': STEPS, 'const': 2.}, cw_l2),
    'cw-linf': ({'method': 'cw-linf', 'iterations': STEPS, 'initialConst': 1.}, cw_linf),
    'cw-l0': ({'method': 'cw-l0', 'iterations': STEPS, 'initialConst': 1.}, cw_l0),
}
