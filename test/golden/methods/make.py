"""Golden runs of the attack methods: each written out in PyTorch float64, five steps on a small seeded net.

    python test/golden/methods/make.py [group ...]

A group is a file beside this one that has CASES: {name: (options, run)}. `options` are the program's settings (with `method`);
`run(f, x, y, options)` yields the iterate [2, 3, 32, 32] after each of five steps, before any rounding of the result.
Writes test/golden/methods-GROUP.safetensors: `bias`, and for each case `NAME.last` (the last iterate) and `NAME.norms` [5, 2, 4] (l0, l1, l2, linf of each).
"""
import importlib
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

import common

HERE = Path(__file__).resolve().parent


def norms(d):
    d = d.flatten(1).abs()
    return torch.stack([(d > 1e-9).sum(1).double(), d.sum(1), d.norm(dim=1), d.amax(1)], 1)


def main():
    torch.set_num_threads(1)
    groups = sys.argv[1:] or sorted(p.stem for p in HERE.glob('*.py') if p.stem not in ('make', 'common'))
    f, x, y, bias = common.setting()
    for group in groups:
        tensors, facts = {'bias': bias.float()}, {'labels': y.tolist(), 'torch': torch.__version__, 'cases': {}}
        for name, (options, run) in importlib.import_module(group).CASES.items():
            iterates = [one.detach() for one in run(f, x, y, options)]
            assert len(iterates) == common.STEPS, (name, len(iterates))
            tensors[f'{name}.last'] = iterates[-1].float().contiguous()
            tensors[f'{name}.norms'] = torch.stack([norms(one - x) for one in iterates]).float()
            facts['cases'][name] = options
        path = HERE.parent / f'methods-{group}.safetensors'
        save_file(tensors, path, metadata={'golden': json.dumps(facts)})
        print(path.name, *facts['cases'])


if __name__ == '__main__':
    main()
