"""Golden explanations: pytorch-grad-cam's own maps on the shipped nets, and by PyTorch what it lacks.

  pip install torch==2.13.0 grad-cam==1.5.7
  python test/golden/explanations.py --cifar DIR

Writes explanations-NET.safetensors: of the first images of the CIFAR-10 test set that the net classifies right, and of one class that is not their
label (`explained` in the metadata), in float64:
  pixels u8 [n, 3, 32, 32]; raw.NAME [n, rows, columns], signed; and for pytorch-grad-cam's
  full.NAME [n, 32, 32], what it returns: rectified, scaled to [0, 1], enlarged, scaled again.
"""
import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

# Only for reading pictures does pytorch-grad-cam import torchvision, whose operators do not load beside every build of torch.
sys.modules['torchvision'] = SimpleNamespace()
sys.modules['torchvision.transforms'] = SimpleNamespace(Compose=None, Normalize=None, ToTensor=None)
sys.modules['torchvision.transforms.functional'] = SimpleNamespace(resize=None)
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM  # noqa: E402
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # noqa: E402

from attacks import as_pixels, open_shipped, test_set  # noqa: E402

HERE = Path(__file__).parent
METHODS = {'gradcam': GradCAM, 'gradcam++': GradCAMPlusPlus, 'hirescam': HiResCAM, 'layercam': LayerCAM, 'xgradcam': XGradCAM}
IMAGES = 3
# The net, and which of its blocks is explained.
NETS = {'resnet18-cifar10': 'last', 'vgg11_bn-cifar10': 'block4'}


class Net(nn.Module):
    """Pixels in [0, 1] to logits."""

    def __init__(self, classifier):
        super().__init__()
        self.net = classifier.net
        self.mean, self.std = classifier.mean, classifier.std

    def forward(self, x):
        return self.net((x - self.mean) / self.std)


def target_layer(net, layer):
    """The module whose output is the explained block."""
    if hasattr(net, 'layer4'):
        return net.layer4
    pools = [i for i, module in enumerate(net.features) if isinstance(module, nn.MaxPool2d)]
    return net.features[pools[int(layer.removeprefix('block')) - 1] - 1]


def maps(name, layer, folder):
    classifier, facts = open_shipped(HERE / f'../../weights/files/{name}.safetensors', torch.float64)
    # pytorch-grad-cam reads the gradients that a backward pass towards the parameters leaves on its way.
    net = Net(classifier).eval().requires_grad_(True)
    pixels, labels = test_set(folder, 32)
    x = as_pixels(pixels, torch.float64)
    with torch.no_grad():
        chosen = torch.nonzero(net(x).argmax(1) == labels).flatten()[:IMAGES]
    x, labels = x[chosen], labels[chosen]
    # The last one explains another class: negative evidence.
    explained = labels.clone()
    explained[-1] = (explained[-1] + 1) % 10
    tensors = {'pixels': pixels[chosen.numpy()]}
    block = target_layer(net.net, layer)
    for method, build in METHODS.items():
        targets = [ClassifierOutputTarget(int(c)) for c in explained]
        with build(model=net, target_layers=[block]) as cam:
            full = cam(input_tensor=x.clone(), targets=targets)
            activations = cam.activations_and_grads.activations[0].cpu().data.numpy()
            gradients = cam.activations_and_grads.gradients[0].cpu().data.numpy()
            raw = cam.get_cam_image(x, block, targets, activations, gradients, False)
        tensors[f'raw.{method}'] = np.asarray(raw, np.float32)
        tensors[f'full.{method}'] = np.asarray(full, np.float32)
    x = x.clone().requires_grad_(True)
    g, = torch.autograd.grad(net(x).gather(1, explained[:, None]).sum(), x)
    tensors['raw.saliency'] = g.abs().amax(1).numpy().astype(np.float32)
    tensors['raw.input-x-gradient'] = (g * x).sum(1).detach().numpy().astype(np.float32)
    if hasattr(net.net, 'fc'):
        with torch.no_grad():
            features = classifier.feats(x)
            tensors['raw.cam'] = torch.einsum('nk,nkij->nij', net.net.fc.weight[explained], features).numpy().astype(np.float32)
    golden = dict(model=name, layer=layer, index=chosen.tolist(), label=labels.tolist(), explained=explained.tolist(),
                  torch=torch.__version__, gradcam=version('grad-cam'))
    tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    save_file(tensors, HERE / f'explanations-{name}.safetensors', {'golden': json.dumps(golden)})
    print(name, facts['architecture'], golden)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cifar', type=Path, required=True, help='the folder of test_batch.png and test_lables.json')
    folder = parser.parse_args().cifar
    torch.set_num_threads(1)
    for name, layer in NETS.items():
        maps(name, layer, folder)
