"""Ten steps of training by PyTorch: what train/ must do. The trainer's recipe from its text, with PyTorch's own modules and optimisers.

A data set of one batch, so that its order does not matter; an epoch is a step. Augmentation, random starts and learning rates are those of train/: pcg4d of (seed, image, element, step).
"""
import math

import numpy as np
import torch
import torch.nn.functional as F

import nets

SEED, BATCH, STEPS, KEPT = 3, 16, 10, 128
# name: arch, width, resolution, adversary (kind, alpha, steps), optimiser, learning rate, label smoothing
CASES = {
    'resnet20': ('resnet20', None, 16, None, 'sgd', .03, .1),
    'resnet20-fast': ('resnet20', None, 16, (10 / 255, 1), 'sgd', .05, 0),
    'resnet20-adam': ('resnet20', None, 24, None, 'adam', .002, 0),
    'vgg11_bn': ('vgg11_bn', 8, 32, None, 'sgd', .05, 0),
    'vgg11_bn-pgd': ('vgg11_bn', 8, 32, (2 / 255, 3), 'sgd', .01, 0),
    'vgg11-adamw': ('vgg11', 8, 32, None, 'adamw', .001, 0),
}
EPSILON = 8 / 255


def random4(seed, image, element, step):
    """pcg4d (Jarzynski and Olano 2020) on arrays: [..., 4] words."""
    v = [np.asarray(x, np.uint32) for x in np.broadcast_arrays(seed, image, element, step)]
    with np.errstate(over='ignore'):
        v = [x * np.uint32(1664525) + np.uint32(1013904223) for x in v]
        for last in (False, True):
            for i, (a, b) in enumerate(((1, 3), (2, 0), (0, 1), (1, 2))):
                v[i] = v[i] + v[a] * v[b]
            if not last:
                v = [x ^ (x >> np.uint32(16)) for x in v]
    return np.stack(v, -1)


def augmented(pixels, step, size, dtype):
    """u8 [n, 3, 32, 32] -> mirrored, cropped out of a border of 4, resized."""
    out = []
    for image, x in enumerate(pixels):
        words = random4(SEED, image, 0, step)
        y0, x0 = (int(word >> np.uint32(8)) % 9 for word in words[:2])
        x = torch.from_numpy(x).to(dtype) / 255
        if words[2] >> np.uint32(31):
            x = x.flip(2)
        out.append(F.pad(x, (4, 4, 4, 4))[:, y0:y0 + 32, x0:x0 + 32])
    x = torch.stack(out)
    return x if size == 32 else F.interpolate(x, size=(size, size), mode='bilinear', antialias=True, align_corners=False)


def random_start(shape, step):
    n, elements = shape[0], int(np.prod(shape[1:]))
    words = random4(SEED, np.arange(n)[:, None], np.arange(elements)[None] + 1, step)[..., 0]
    return (EPSILON * (2 * (words >> np.uint32(8)).astype(np.float64) / 2**24 - 1)).reshape(shape)


def rate(lr, step):
    part = step / STEPS
    return lr * (part / .2 if part < .2 else max(1e-3, .5 * (1 + math.cos(math.pi * (part - .2) / .8))))


def run(case, pixels, labels, dtype):
    arch, width, size, adversary, optimiser, lr, smoothing = CASES[case]
    net = nets.empty(arch, 'cifar', 10, 'A', *([] if width is None else [width]))
    weights = {key: nets.seeded(key, shape, SEED) for key, shape in nets.parameter_shapes(net).items()}
    net = nets.load(net, weights, dtype).train()
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    mean, std = (torch.tensor(values, dtype=dtype).view(1, 3, 1, 1) for values in nets.CIFAR)
    groups = [{'params': [p for p in net.parameters() if p.ndim > 1], 'weight_decay': 5e-4},
              {'params': [p for p in net.parameters() if p.ndim <= 1], 'weight_decay': 0}]
    make = {'sgd': lambda: torch.optim.SGD(groups, lr, momentum=.9, nesterov=True), 'adam': lambda: torch.optim.Adam(groups, lr),
            'adamw': lambda: torch.optim.AdamW(groups, lr)}
    opt = make[optimiser]()
    state = {k: v for k, v in net.state_dict().items() if not k.endswith('num_batches_tracked')}
    average = {k: v.clone() for k, v in state.items()}
    loss_of = lambda x: F.cross_entropy(net((x - mean) / std), labels, label_smoothing=smoothing)

    def attack(x, step, alpha, steps):
        # The running statistics are those of the training pass alone.
        norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        for m in norms:
            m.momentum = 0
        inside = lambda d: torch.minimum(torch.maximum(d, -x), 1 - x)
        d = inside(torch.from_numpy(random_start(x.shape, step)).to(dtype))
        for _ in range(steps):
            d.requires_grad_(True)
            g, = torch.autograd.grad(loss_of(x + d), d)
            d = inside((d.detach() + alpha * g.sign()).clamp(-EPSILON, EPSILON))
        for m in norms:
            m.momentum = .1
        return x + d

    losses = []
    for step in range(STEPS):
        for group in opt.param_groups:
            group['lr'] = rate(lr, step)
        x = augmented(pixels, step, size, dtype)
        if adversary:
            x = attack(x, step, *adversary)
        loss = loss_of(x)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
        kept = min(.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for key, value in state.items():
                average[key].lerp_(value, 1 - kept)
    return np.array(losses), {'weights': {k: v.detach().numpy() for k, v in state.items()}, 'average': {k: v.numpy() for k, v in average.items()}}


def vector(tensors):
    return np.concatenate([v.ravel() for v in tensors.values()])


def make():
    """`pixels`; for each case `CASE.losses` and the first values of each tensor, `CASE.weights.NAME` and `CASE.average.NAME`, by f64; the error of f32 in the facts."""
    pixels = nets.seeded_pixels('pixels', BATCH * 3072, SEED).reshape(BATCH, 3, 32, 32)
    labels = torch.arange(BATCH) % 10
    tensors, facts = {'pixels': pixels}, {'seed': SEED, 'batch': BATCH, 'steps': STEPS, 'torch': torch.__version__, 'cases': {}}
    for case, (arch, width, size, adversary, optimiser, lr, smoothing) in CASES.items():
        (losses, state), (losses32, state32) = (run(case, pixels, labels, dtype) for dtype in (torch.float64, torch.float32))
        start = {key: nets.seeded(key, value.shape, SEED) for key, value in state['weights'].items()}
        # Up to each step: an adversary's signs make errors jump, and what has jumped stays.
        error = {'losses': np.maximum.accumulate(np.abs(losses32 - losses)).tolist()}
        assert error['losses'][2] < 1e-4, f'{case}: too chaotic to test anything; take a lower learning rate'
        for kind in ('weights', 'average'):
            moved = ((vector(state[kind]) - vector(start)) ** 2).sum()
            error[kind] = float(((vector(state32[kind]) - vector(state[kind])) ** 2).sum() / moved)
            for key, value in state[kind].items():
                tensors[f'{case}.{kind}.{key}'] = value.ravel()[:KEPT]
        tensors[f'{case}.losses'] = losses
        facts['cases'][case] = dict(arch=arch, width=width, size=size, optimiser=optimiser, rate=lr, smoothing=smoothing, float32=error,
                                    adversary=adversary and {'alpha': adversary[0], 'steps': adversary[1]})
        print(f'  {case}: losses', [round(float(x), 3) for x in losses], 'float32', {k: np.array2string(np.array(v), precision=1) for k, v in error.items()}, flush=True)
    return tensors, facts
