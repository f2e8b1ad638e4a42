"""Golden explanations, attack runs and predictions: the project's specification written out in PyTorch, with a record kept."""
import hashlib
import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import load_file
from safetensors import safe_open

import nets

STEPS = 10
TAU = 0.2
IMAGES = 4


class Classifier:
    """A net on [0,1] pixels: feats(x) is the tap, head(a) the logits."""

    def __init__(self, net, mean, std, dtype):
        self.net = net.to(dtype)
        for parameter in net.parameters():
            parameter.requires_grad_(False)
        self.mean = torch.tensor(mean, dtype=dtype).view(1, 3, 1, 1)
        self.std = torch.tensor(std, dtype=dtype).view(1, 3, 1, 1)
        self.head = net.head

    def feats(self, x):
        return self.net.feats((x - self.mean) / self.std)

    def __call__(self, x):
        return self.head(self.feats(x))


def round8(x):
    return (x * 255).round() / 255


def column(v):
    return v.view(-1, 1, 1, 1)


def norms(p):
    return p.flatten(1).norm(dim=1)


def explain(f, x, y):
    """Logits, loss, input gradient, tap, its gradient of logit y, L (camLow) and Lhat at the input size (cam); numpy."""
    x = x.clone().requires_grad_(True)
    z = f(x)
    loss = F.cross_entropy(z, y, reduction='none')
    input_gradient, = torch.autograd.grad(loss.sum(), x)
    tap = f.feats(x).detach().requires_grad_(True)
    tap_gradient, = torch.autograd.grad(f.head(tap).gather(1, y[:, None]).sum(), tap)
    low = F.relu((tap_gradient.mean((2, 3), keepdim=True) * tap).sum(1, keepdim=True)).detach()
    cam = F.interpolate(low, size=x.shape[2:], mode='bilinear', align_corners=False)
    cam = cam / cam.amax((1, 2, 3), keepdim=True)
    tensors = dict(logits=z, loss=loss, inputGradient=input_gradient, tap=tap, tapGradient=tap_gradient,
                   camLow=low[:, 0], cam=cam[:, 0])
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def minimal(f, x, y, M, N=STEPS, gamma=.1, r0=.3, a_min=.01):
    """The `minimal` mode. Record, per judged image i = 0..N: rounded iterate, its l2, loss, fooled, and the radius held then."""
    record = {name: [] for name in ('iterates', 'l2', 'loss', 'fooled', 'radius')}
    d = torch.zeros_like(x)
    r = torch.full((len(x), 1, 1, 1), r0, dtype=x.dtype)
    best, best_r = x.clone(), torch.full((len(x),), math.inf, dtype=x.dtype)
    for i in range(N + 1):
        xq = round8((x + d * M).clamp(0, 1)).requires_grad_(True)
        z = f(xq)
        loss = F.cross_entropy(z, y, reduction='none')
        fooled = (z.argmax(1) != y).detach()
        now = norms(xq.detach() - x)
        up = fooled & (now < best_r)
        best_r[up], best[up] = now[up], xq.detach()[up]
        for name, value in dict(iterates=(xq * 255).round().to(torch.uint8), l2=now, loss=loss,
                                fooled=fooled.to(torch.uint8), radius=r.flatten()).items():
            record[name].append(value.detach().numpy().copy())
        if i == N:
            break
        g, = torch.autograd.grad(loss.sum(), xq)
        g = g * M
        d = d + (a_min + (1 - a_min) * (1 + math.cos(math.pi * i / N)) / 2) * g / column(norms(g) + 1e-12)
        if i > 0:
            r = torch.where(column(fooled), r * (1 - gamma), r * (1 + gamma))
        p = d * M
        p = (x + p * (r / column(norms(p) + 1e-12))).clamp(0, 1) - x
        d = torch.where(M > 0, p / (M + 1e-12), torch.zeros_like(p))
    record = {name: np.stack(values) for name, values in record.items()}
    return {**record, 'best': (best * 255).round().to(torch.uint8).numpy(), 'bestL2': best_r.numpy(), 'delta': d.numpy()}


def paper(f, x, y, M, d, N=STEPS, T=.1, eta=10., beta=1.):
    """The `paper` mode from a given delta. Record, per step: J, ||delta*M|| and the cross-entropy before the step."""
    record = {name: [] for name in ('j', 'norm', 'loss')}
    for _ in range(N):
        d = d.detach().requires_grad_(True)
        p = d * M
        loss = F.cross_entropy(f((x + p).clamp(0, 1)), y, reduction='none')
        J = loss / T + beta / (norms(p) + 1e-12)
        g, = torch.autograd.grad((1 / J).sum(), d)
        for name, value in dict(j=J, norm=norms(p), loss=loss).items():
            record[name].append(value.detach().numpy())
        d = (d.detach() - eta * g) * M
    final = (x + d * M).clamp(0, 1)
    with torch.no_grad():
        fooled = (f(round8(final)).argmax(1) != y).to(torch.uint8)
    return {**{name: np.stack(values) for name, values in record.items()}, 'delta': d.numpy(), 'final': final.numpy(),
            'fooled': fooled.numpy()}


def soft_mask(cam, tau=TAU):
    """`max`: Lhat on the CFR."""
    return torch.where(cam >= tau, cam, 0)


def normals(name, count, seed):
    """Box-Muller on seeded uniforms: a N(0,1) start that does not hang on a library's generator."""
    u, v = (nets.seeded_uniform(f'{name}.{part}', count, seed, .5, .5).astype(np.float64) for part in 'uv')
    return (np.sqrt(-2 * np.log(np.maximum(u, 2.**-24))) * np.cos(2 * math.pi * v)).astype(np.float32)


def open_shipped(path, dtype):
    with safe_open(path, 'np') as file:
        facts = file.metadata()
    mean, std = json.loads(facts['mean']), json.loads(facts['std'])
    tensors = {k: v.astype(np.float32) for k, v in load_file(path).items() if not k.endswith('num_batches_tracked')}
    classes = next(v for k, v in tensors.items() if k in ('fc.weight', 'linear.weight', 'classifier.weight')).shape[0]
    shortcut = 'B' if any('shortcut' in k for k in tensors) else 'A'
    width = tensors['features.0.weight'].shape[0] if 'features.0.weight' in tensors else 64
    net = nets.load(nets.empty(facts['architecture'], 'cifar', classes, shortcut, width), tensors, dtype)
    return Classifier(net, mean, std, dtype), facts


def test_set(folder, count):
    """The first `count` CIFAR-10 test images, u8 [n, 3, 32, 32], and their labels."""
    pixels = np.asarray(Image.open(folder / 'test_batch.png').convert('RGB')).reshape(-1, 32, 32, 3)[:count]
    labels = json.loads((folder / 'test_lables.json').read_text())[:count]
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), torch.tensor(labels)


def as_pixels(pixels, dtype):
    return torch.from_numpy(pixels.astype(np.float32) / np.float32(255)).to(dtype)


def weights_digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def classified_right(f, cifar, count):
    """The first `count` test images that the net classifies right, their labels and places."""
    pixels, labels = test_set(cifar, 16 + 2 * count)
    with torch.no_grad():
        right = (f(as_pixels(pixels, torch.float64)).argmax(1) == labels).nonzero()[:count, 0]
    return pixels[right], labels[right], right


def make_attack(path, cifar):
    """Explanations (f64) and both attacks (f32 and f64) on the first test images that the net classifies right."""
    f, facts = open_shipped(path, torch.float64)
    pixels, labels, index = classified_right(f, cifar, IMAGES)
    delta0 = normals('delta0', pixels.size, 1).reshape(pixels.shape)
    tensors = {'pixels': pixels, 'delta0': delta0}
    for dtype, tag in ((torch.float64, 'f64'), (torch.float32, 'f32')):
        f, _ = open_shipped(path, dtype)
        x = as_pixels(pixels, dtype)
        if tag == 'f64':
            explained = explain(f, x, labels)
            mask = soft_mask(torch.from_numpy(explained['cam'])).float()
            tensors.update(explained, mask=mask.numpy())
        # Both precisions attack through the same f32 mask, so that they differ by arithmetic alone.
        M = mask.to(dtype)[:, None]
        runs = {'minimal': minimal(f, x, labels, M), 'paper': paper(f, x, labels, M, torch.from_numpy(delta0).to(dtype))}
        tensors.update({f'{mode}.{tag}.{name}': value for mode, run in runs.items() for name, value in run.items()})
    return tensors, dict(model=path.stem, architecture=facts['architecture'], weights=weights_digest(path),
                         index=index.tolist(), label=labels.tolist(), tau=TAU, maskNorm='max', steps=STEPS,
                         torch=torch.__version__)


def predictions(path, cifar, count=1000):
    """Classes (f64) of the first test images and the distance of the two greatest logits."""
    pixels, labels = test_set(cifar, count)
    f, _ = open_shipped(path, torch.float64)
    with torch.no_grad():
        z = torch.cat([f(as_pixels(pixels[i:i + 50], torch.float64)) for i in range(0, count, 50)])
    top = z.topk(2)
    gaps = (top.values[:, 0] - top.values[:, 1]).tolist()
    return dict(model=path.stem, weights=weights_digest(path), torch=torch.__version__, images=count,
                correct=int((top.indices[:, 0] == labels).sum()), classes=top.indices[:, 0].tolist(),
                gaps=[float(f'{gap:.4g}') for gap in gaps])


class Noisy:
    """A classifier whose input gradients are off by a relative normal error: an engine with another order of sums."""

    def __init__(self, f, error):
        self.f, self.error = f, error
        self.random = torch.Generator().manual_seed(0)

    def __call__(self, x):
        if not x.requires_grad:
            return self.f(x)
        x = x * 1
        x.register_hook(lambda g: g * (1 + self.error * torch.randn(g.shape, generator=self.random, dtype=g.dtype)))
        return self.f(x)


def agreement(path, cifar, images=24):
    """Lines on how far f32 runs of `minimal` and `paper` follow the f64 runs, step by step: what a tolerance may rest on."""
    f, _ = open_shipped(path, torch.float64)
    single, _ = open_shipped(path, torch.float32)
    pixels, labels, _ = classified_right(f, cifar, images)
    M = soft_mask(torch.from_numpy(explain(f, as_pixels(pixels, torch.float64), labels)['cam'])).float()[:, None]
    M[~torch.isfinite(M).flatten(1).all(1)] = 1
    d = torch.from_numpy(normals('delta0', pixels.size, 1).reshape(pixels.shape))

    def run(f, dtype):
        x = as_pixels(pixels, dtype)
        return minimal(f, x, labels, M.to(dtype)), paper(f, x, labels, M.to(dtype), d.to(dtype))
    exact, exact_paper = run(f, torch.float64)
    for what, other in (('float32', single), *((f'float32, gradient off by {e:g}', Noisy(single, e)) for e in (1e-4, 1e-3))):
        got, got_paper = run(other, torch.float32)
        yield f'{path.stem}, {images} images, {what}'
        same = (got['iterates'] == exact['iterates']).reshape(STEPS + 1, images, -1)
        yield '  minimal: images whose rounded iterate is the same  ' + ' '.join(map(str, same.all(2).sum(1)))
        yield '    greatest share of differing pixel values         ' + ' '.join(f'{v:.0e}' for v in 1 - same.mean(2).min(1))
        yield '    greatest relative difference of l2               ' + relative(got['l2'], exact['l2'])
        yield '    images whose history of fooling is the same      ' + ' '.join(
            map(str, (got['fooled'] == exact['fooled']).cumprod(0).sum(1)))
        gap = np.abs(got['bestL2'] / exact['bestL2'] - 1)
        yield f'    l2 of the best: median difference {np.nanmedian(gap):.1e}, greatest {np.nanmax(gap):.1e}'
        yield '  paper: greatest relative difference of J           ' + relative(got_paper['j'], exact_paper['j'])
        yield '    greatest relative difference of the norm         ' + relative(got_paper['norm'], exact_paper['norm'])


def relative(a, b):
    return ' '.join(f'{v:.0e}' for v in (np.abs(a - b) / np.maximum(np.abs(b), 1e-3)).max(1))


def make_toy():
    """Both attacks on a linear classifier of 3x6x5 pixels: small enough to follow in plain TypeScript, in f64."""
    n, shape, classes = 3, (3, 6, 5), 4
    size = math.prod(shape)
    weight = torch.from_numpy(nets.seeded_uniform('weight', classes * size, 3, 0, 1)).double().view(classes, size)
    bias = torch.from_numpy(nets.seeded_uniform('bias', classes, 3, 0, 1)).double()
    pixels = nets.seeded_pixels('pixels', n * size, 3).reshape(n, *shape)
    x = as_pixels(pixels, torch.float64)
    mask = torch.from_numpy(nets.seeded_uniform('mask', n * 30, 3, .5, .5)).double().view(n, 1, 6, 5)
    mask = torch.where(mask >= .3, mask, 0)
    delta0 = normals('delta0', pixels.size, 3).reshape(pixels.shape)

    def f(v):
        return v.flatten(1) @ weight.T + bias
    y = f(x).argmax(1)
    tensors = {'weight': weight.numpy(), 'bias': bias.numpy(), 'pixels': pixels, 'mask': mask[:, 0].numpy(), 'delta0': delta0}
    for mode, run in dict(minimal=minimal(f, x, y, mask), paper=paper(f, x, y, mask, torch.from_numpy(delta0).double())).items():
        tensors.update({f'{mode}.{name}': value for name, value in run.items()})
    return tensors, dict(label=y.tolist(), steps=STEPS, torch=torch.__version__)
