"""PyTorch definitions of the nets that the project runs, with torchvision's tensor names, and their seeded weights.

Written out because the golden files must not depend on a package of nets. Each net has `feats(x)` (the output of its last
convolution block, the tap of Grad-CAM), `head(a)` and `forward(x) = head(feats(x))`, on normalised input.
`seeded` computes the same bits as test/support/seeded.ts.
"""
import re

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


class Basic(nn.Module):
    expansion = 1

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = projection(inputs, width, stride) if stride != 1 or inputs != width else None

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """torchvision's v1.5: the stride is on the 3x3 convolution."""

    expansion = 4

    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = projection(inputs, outputs, stride) if stride != 1 or inputs != outputs else None

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def projection(inputs, outputs, stride):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet(nn.Module):
    """He et al. 2016 as in torchvision; `cifar`: 3x3 stem of stride 1, no first pool."""

    def __init__(self, block, depths, form, classes):
        super().__init__()
        self.form = form
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False) if form == 'cifar' else nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for stage, depth in enumerate(depths):
            blocks = []
            for i in range(depth):
                width = 64 * 2**stage
                blocks.append(block(inputs, width, 2 if stage > 0 and i == 0 else 1))
                inputs = width * block.expansion
            setattr(self, f'layer{stage + 1}', nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def feats(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        if self.form != 'cifar':
            x = F.max_pool2d(x, 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def head(self, a):
        return self.fc(a.mean((2, 3)))

    def forward(self, x):
        return self.head(self.feats(x))


class OptionA(nn.Module):
    """Every second pixel, zero channels around; no parameters."""

    def __init__(self, pad):
        super().__init__()
        self.pad = pad

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))


class CifarBasic(nn.Module):
    def __init__(self, inputs, width, stride, option):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != width:
            self.shortcut = OptionA(width // 4) if option == 'A' else projection(inputs, width, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class CifarResNet(nn.Module):
    """The 6n+2 layer nets of He et al. 2016, section 4.2, named as in akamaster's pytorch_resnet_cifar10."""

    def __init__(self, depth, option, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        inputs = 16
        for stage, width in enumerate((16, 32, 64)):
            blocks = []
            for i in range((depth - 2) // 6):
                blocks.append(CifarBasic(inputs, width, 2 if stage > 0 and i == 0 else 1, option))
                inputs = width
            setattr(self, f'layer{stage + 1}', nn.Sequential(*blocks))
        self.linear = nn.Linear(64, classes)

    def feats(self, x):
        return self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))

    def head(self, a):
        return self.linear(a.mean((2, 3)))

    def forward(self, x):
        return self.head(self.feats(x))


VGG_DEPTHS = {'vgg11': (1, 1, 2, 2, 2), 'vgg13': (2, 2, 2, 2, 2), 'vgg16': (2, 2, 3, 3, 3), 'vgg19': (2, 2, 4, 4, 4)}


class VGG(nn.Module):
    """Simonyan & Zisserman 2015 as in torchvision; `cifar`: one 512 -> classes layer on the 1x1 features."""

    def __init__(self, depths, batch_norm, form, classes, width=64):
        super().__init__()
        self.form = form
        layers, inputs = [], 3
        for depth, width in zip(depths, (width, 2 * width, 4 * width, 8 * width, 8 * width)):
            for _ in range(depth):
                layers.append(nn.Conv2d(inputs, width, 3, 1, 1))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU())
                inputs = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        if form == 'cifar':
            self.classifier = nn.Linear(inputs, classes)
        else:
            self.classifier = nn.Sequential(
                nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Dropout(),
                nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, classes))

    def feats(self, x):
        return self.features[:-1](x)

    def head(self, a):
        a = self.features[-1](a)
        if self.form != 'cifar':
            a = F.adaptive_avg_pool2d(a, 7)
        return self.classifier(a.flatten(1))

    def forward(self, x):
        return self.head(self.feats(x))


RESNETS = {'resnet18': (Basic, (2, 2, 2, 2)), 'resnet34': (Basic, (3, 4, 6, 3)), 'resnet50': (Bottleneck, (3, 4, 6, 3)),
           'resnet101': (Bottleneck, (3, 4, 23, 3)), 'resnet152': (Bottleneck, (3, 8, 36, 3))}


def build(arch, form, classes, shortcut='A', width=64):
    """`arch` vgg11|13|16|19[_bn], resnet18|34|50|101|152 (form imagenet|cifar) or resnet20|32|44|56|110 (with a shortcut). `width`: channels of a VGG's first stage."""
    if arch in RESNETS:
        return ResNet(*RESNETS[arch], form, classes).eval()
    if arch.startswith('vgg'):
        return VGG(VGG_DEPTHS[arch.removesuffix('_bn')], arch.endswith('_bn'), form, classes, width).eval()
    depth = int(arch.removeprefix('resnet'))
    if depth not in (20, 32, 44, 56, 110):
        raise ValueError(f'arch: expected one of the nets named in build(), got {arch}')
    return CifarResNet(depth, shortcut, classes).eval()


def empty(arch, form, classes, shortcut='A', width=64):
    """The net without memory for its parameters, which `load_state_dict(assign=True)` brings."""
    with torch.device('meta'):
        return build(arch, form, classes, shortcut, width)


def mix(h):
    """Bijective 32-bit integer hash (Chris Wellons's lowbias32), in place on a uint32 array."""
    t = h >> np.uint32(16); h ^= t; h *= np.uint32(0x7FEB352D)
    np.right_shift(h, np.uint32(15), out=t); h ^= t; h *= np.uint32(0x846CA68B)
    np.right_shift(h, np.uint32(16), out=t); h ^= t
    return h


def key_of(name, seed):
    h = 0x811C9DC5
    for byte in name.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    seeded_by = mix(np.array([seed & 0xFFFFFFFF], np.uint32))
    return mix(np.array([h], np.uint32) ^ seeded_by)[0]


def hashed(name, length, seed):
    """Blocks of 32-bit hashes of the indices 0..length-1, with the index of each block's first."""
    key = key_of(name, seed)
    for start in range(0, length, 1 << 18):
        h = np.arange(start, min(start + (1 << 18), length), dtype=np.uint32)
        h ^= key
        h = mix(h)
        h += key
        yield start, mix(h)


def seeded_uniform(name, length, seed, center, scale):
    """center + scale * u, u uniform in [-1, 1) on a grid of 2^-23; one f32 product and one f32 sum."""
    values = np.empty(length, np.float32)
    for start, h in hashed(name, length, seed):
        h >>= np.uint32(8)
        u = (h.astype(np.int32) - np.int32(0x800000)).astype(np.float32) * np.float32(2.0**-23)
        values[start:start + len(h)] = np.float32(center) + u * np.float32(scale)
    return values


def seeded_pixels(name, length, seed):
    """k of the pixels k/255, uniform in 0..255."""
    values = np.empty(length, np.uint8)
    for start, h in hashed(name, length, seed):
        values[start:start + len(h)] = h >> np.uint32(24)
    return values


def seeded(name, shape, seed):
    """A net's parameter by its name and shape; the rule is told in test/support/seeded.ts."""
    length = int(np.prod(shape))
    if len(shape) >= 2:
        values = seeded_uniform(name, length, seed, 0, np.sqrt(6 / (length / shape[0])))
    elif name.endswith('running_var'):
        values = seeded_uniform(name, length, seed, 1, 0.25)
    elif name.endswith(('running_mean', 'bias')):
        values = seeded_uniform(name, length, seed, 0, 0.1)
    elif re.search(r'layer\d+\.\d+\.bn[23]\.weight$', name):
        values = seeded_uniform(name, length, seed, 0.375, 0.125)
    else:
        values = seeded_uniform(name, length, seed, 1, 0.25)
    return values.reshape(shape)


def parameter_shapes(net):
    return {name: list(tensor.shape) for name, tensor in net.state_dict().items() if not name.endswith('num_batches_tracked')}


def load(net, tensors, dtype):
    """Gives `net` (made by `empty`) its tensors, name -> f32 array, in `dtype`."""
    state = {name: torch.from_numpy(np.ascontiguousarray(values)).to(dtype) for name, values in tensors.items()}
    missing, unexpected = net.load_state_dict(state, strict=False, assign=True)
    missing = [name for name in missing if not name.endswith('num_batches_tracked')]
    if missing or unexpected:
        raise ValueError(f'weights: missing {missing}, unexpected {unexpected}')
    return net.eval()
