"""Golden values of single ops: PyTorch's own functions against which the f64 references of test/reference are checked."""
import torch
import torch.nn.functional as F

import nets

PLAIN = {'bias': False, 'residual': False, 'activation': 'none'}


def conv(stride=(1, 1), padding=(0, 0), flipped=False, **epilogue):
    attributes = {'stride': stride, 'padding': padding, 'weightLayout': 'flipped' if flipped else 'oihw',
                  'epilogue': {**PLAIN, **epilogue}}

    def run(x, weight, *rest):
        if flipped:
            weight = weight.transpose(0, 1).flip(2, 3)
        return finish(F.conv2d(x, weight, None, stride, padding), rest, attributes['epilogue'])
    return 'conv2d', attributes, run


def matmul(transpose_a, transpose_b, **epilogue):
    attributes = {'transposeA': transpose_a, 'transposeB': transpose_b, 'epilogue': {**PLAIN, **epilogue}}

    def run(a, b, *rest):
        return finish((a.T if transpose_a else a) @ (b.T if transpose_b else b), rest, attributes['epilogue'])
    return 'matmul', attributes, run


def finish(y, rest, epilogue):
    rest = list(rest)
    if epilogue['bias']:
        y = y + rest.pop(0).view(1, -1, *[1] * (y.ndim - 2))
    if epilogue['residual']:
        y = y + rest.pop(0)
    if epilogue['activation'] == 'relu':
        y = F.relu(y)
    if epilogue['activation'] == 'mask':
        y = torch.where(rest.pop(0) > 0, y, 0)
    return y


def pool(op, kernel, stride, padding):
    function = F.max_pool2d if op == 'maxPool2d' else F.avg_pool2d
    return op, {'kernel': kernel, 'stride': stride, 'padding': padding}, lambda x: function(x, kernel, stride, padding)


def resize(size):
    return ('resizeBilinear', {'size': size},
            lambda x: F.interpolate(x, size=size, mode='bilinear', align_corners=False))


def option_a(channels):
    return 'subsamplePad', {'stride': 2, 'channels': channels}, nets.OptionA(channels // 4)


def batch_norm(epsilon):
    return ('batchNorm', {'epsilon': epsilon},
            lambda x, gamma, beta, mean, variance: F.batch_norm(x, mean, variance, gamma, beta, False, 0, epsilon))


def batch_norm_training(epsilon, activation='none', residual=False):
    def run(x, gamma, beta, moments, *rest):
        y = F.batch_norm(x, None, None, gamma, beta, True, 0, epsilon)
        return finish(y, rest, {**PLAIN, 'residual': residual, 'activation': activation})
    return 'batchNormTraining', {'epsilon': epsilon, 'epilogue': {**PLAIN, 'residual': residual, 'activation': activation}}, run


def moments(x):
    axes = [0, *range(2, x.ndim)]
    return torch.stack([x.mean(axes), x.var(axes, unbiased=False)])


# op with attributes and function; shapes of the operands; which operand is masked off (indices, mask) or whole-numbered.
CASES = [
    (conv(), [[2, 3, 5, 7], [4, 3, 3, 3]]),
    (conv((2, 2), (3, 3), bias=True), [[1, 3, 17, 16], [5, 3, 7, 7], [5]]),
    (conv((3, 2), (2, 4)), [[2, 4, 8, 5], [3, 4, 3, 5]]),
    (conv((1, 1), (0, 1), bias=True, residual=True, activation='relu'), [[1, 5, 4, 6], [3, 5, 1, 3], [3], [1, 3, 4, 6]]),
    (conv((2, 2), (1, 1), activation='mask'), [[2, 3, 6, 6], [4, 3, 3, 3], [2, 4, 3, 3]]),
    (conv((1, 1), (2, 1), flipped=True), [[1, 4, 5, 6], [4, 3, 3, 2]]),
    (matmul(False, True, bias=True), [[3, 17], [10, 17], [10]]),
    (matmul(True, False, residual=True, activation='relu'), [[5, 4], [5, 3], [4, 3]]),
    (matmul(True, True), [[5, 2], [7, 5]]),
    (pool('maxPool2d', (2, 2), (2, 2), (0, 0)), [[2, 3, 5, 6]], 'ties'),
    (pool('maxPool2d', (3, 3), (2, 2), (1, 1)), [[1, 4, 9, 8]], 'ties'),
    (pool('maxPool2d', (3, 2), (1, 2), (1, 1)), [[1, 2, 5, 5]]),
    (pool('avgPool2d', (3, 3), (2, 2), (1, 1)), [[2, 3, 7, 6]]),
    (pool('avgPool2d', (2, 3), (2, 1), (0, 1)), [[1, 2, 5, 5]]),
    (('adaptiveAvgPool2d', {'size': (7, 7)}, lambda x: F.adaptive_avg_pool2d(x, (7, 7))), [[1, 2, 17, 5]]),
    (('adaptiveAvgPool2d', {'size': (1, 3)}, lambda x: F.adaptive_avg_pool2d(x, (1, 3))), [[2, 3, 4, 8]]),
    (resize((32, 32)), [[2, 1, 4, 4]]),
    (resize((7, 5)), [[1, 2, 17, 3]]),
    (resize((9, 10)), [[1, 1, 1, 2]]),
    (option_a(32), [[1, 16, 6, 5]]),
    (batch_norm(1e-5), [[2, 3, 4, 5], [3], [3], [3], [3]], 'variance'),
    (('softmax', {}, lambda x: F.softmax(x, 1)), [[3, 10]]),
    (('crossEntropy', {}, lambda z, y: F.cross_entropy(z, y.long(), reduction='none')), [[3, 10], [3]], 'labels'),
    (('crossEntropy', {'smoothing': .1}, lambda z, y: F.cross_entropy(z, y.long(), reduction='none', label_smoothing=.1)),
     [[3, 10], [3]], 'labels'),
    (('softCrossEntropy', {}, lambda z, t: F.cross_entropy(z, t, reduction='none')), [[3, 10], [3, 10]], 'targets'),
    (batch_norm_training(1e-5), [[3, 4, 5, 2], [4], [4], [2, 4]], 'moments'),
    (batch_norm_training(1e-2, 'relu', True), [[2, 3, 4, 4], [3], [3], [2, 3], [2, 3, 4, 4]], 'moments'),
    (('batchMoments', {}, moments), [[3, 4, 5, 2]], 'no gradient'),
    (('multiply', {}, lambda a, b: a * b), [[3, 5], [3, 5]]),
    (('scale', {'factor': -1.5}, lambda x: x * -1.5), [[3, 5]]),
    (('rowSum', {}, lambda x: x.flatten(1).sum(1)), [[3, 5, 2]]),
    (('rowSpread', {'shape': [3, 5, 2]}, lambda x: x[:, None, None].expand(3, 5, 2)), [[3]]),
    (('gather', {}, lambda z, y: z.gather(1, y.long()[:, None])[:, 0]), [[3, 10], [3]], 'labels'),
    (('relu', {}, F.relu), [[2, 3, 4]], 'ties'),
]


def operand(case, number, shape, kind):
    name = f'{case}.{number}'
    length = torch.Size(shape).numel()
    values = torch.from_numpy(nets.seeded_uniform(name, length, 7, 0, 2)).double().reshape(shape)
    if kind == 'labels' and number == 1:
        return (values.abs() * 5).floor()
    if kind == 'ties':
        return values.round()
    if kind == 'targets' and number == 1:
        return values.abs()
    return values.abs() + 0.5 if kind == 'variance' and number == 4 else values


def make():
    """Tensors `CASE.in0`..., `CASE.cotangent`, `CASE.out`, `CASE.grad0`... (absent where not differentiated) and the cases."""
    tensors, facts = {}, []
    for case, ((op, attributes, run), shapes, *kind) in enumerate(CASES):
        inputs = [operand(case, i, shape, *kind or ['normal']) for i, shape in enumerate(shapes)]
        if kind == ['moments']:
            inputs[3] = moments(inputs[0]).detach()
        if kind == ['no gradient']:
            y = run(*inputs)
            tensors |= {f'{case}.in0': inputs[0].numpy(), f'{case}.out': y.numpy(), f'{case}.cotangent': torch.ones_like(y).numpy()}
            facts.append({'op': op, 'attributes': attributes, 'inputs': 1})
            continue
        constant = {1} if kind in (['labels'], ['targets']) else {3} if kind == ['moments'] else {len(inputs) - 1} if attributes.get('epilogue', PLAIN)['activation'] == 'mask' else set()
        wanted = [x.requires_grad_(True) for i, x in enumerate(inputs) if i not in constant and not (kind == ['variance'] and i > 2)]
        y = run(*inputs)
        cotangent = torch.from_numpy(nets.seeded_uniform(f'{case}.cotangent', y.numel(), 7, 0, 2)).double().reshape(y.shape)
        gradients = iter(torch.autograd.grad(y, wanted, cotangent))
        for i, x in enumerate(inputs):
            tensors[f'{case}.in{i}'] = x.detach().numpy()
            if x.requires_grad:
                tensors[f'{case}.grad{i}'] = next(gradients).numpy()
        tensors[f'{case}.cotangent'] = cotangent.numpy()
        tensors[f'{case}.out'] = y.detach().numpy()
        facts.append({'op': op, 'attributes': attributes, 'inputs': len(inputs)})
    return tensors, {'cases': facts, 'torch': torch.__version__}
