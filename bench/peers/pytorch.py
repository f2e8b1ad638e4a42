"""PyTorch does the work: `python pytorch.py --device cpu|cuda [--threads N] [--tf32] [--compile]`.

Takes requests from run.mjs, one JSON line each on stdin, and answers on stdout (see worker.mjs). Besides forward passes,
input gradients and training steps it runs the `minimal` attack as plain PyTorch would be written for it.
"""

import argparse
import json
import math
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

MARK = "@@"


class Net:
    """A unit's ops over x [n, 3, h, w]; can stop at a node and go on from it."""

    def __init__(self, folder, unit, device):
        self.nodes = unit["nodes"]
        self.output = unit["output"]
        self.tensors = {name: read_tensor(folder, stored).to(device) for name, stored in unit["tensors"].items()}

    def __call__(self, x):
        return self.run({"x": x}, self.output)

    def run(self, values, last, after=None):
        """The value of node `last`, given `values`; `after` names the last node that is already in them."""
        values = {**self.tensors, **values}
        started = after is None
        for node in self.nodes:
            if started:
                values[node["id"]] = apply(node, [values[name] for name in node["inputs"]])
                if node["id"] == last:
                    break
            started = started or node["id"] == after
        return values[last]


def apply(node, inputs):
    op, attributes = node["op"], node["attributes"]
    if op == "conv2d":
        x, weight, *bias = inputs
        return F.conv2d(x, weight, *bias, stride=attributes["stride"], padding=attributes["padding"])
    if op == "relu":
        return F.relu(inputs[0])
    if op == "add":
        return inputs[0] + inputs[1]
    if op == "maxPool2d":
        return F.max_pool2d(inputs[0], attributes["kernel"], attributes["stride"], attributes["padding"])
    if op == "adaptiveAvgPool2d":
        return F.adaptive_avg_pool2d(inputs[0], attributes["size"])
    if op == "reshape":
        return inputs[0].reshape(node["shape"] if len(node["shape"]) != 2 else (inputs[0].shape[0], -1))
    if op == "scaleShift":
        x, scale, shift = inputs
        return x * scale[:, None, None] + shift[:, None, None]
    if op == "matmul":
        a, b, *bias = inputs
        a = a.mT if attributes["transposeA"] else a
        b = b.mT if attributes["transposeB"] else b
        return torch.addmm(bias[0], a, b) if bias else a @ b
    if op == "batchMoments":
        return None  # Batch-norm finds them itself.
    if op == "batchNormTraining":
        x, gamma, beta, _ = inputs
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=attributes["epsilon"])
    if op == "subsamplePad":
        x, stride = inputs[0], attributes["stride"]
        more = attributes["channels"] - x.shape[1]
        return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, more // 2, more - more // 2))
    raise ValueError(f"pytorch: no {op} here")


class Step:
    """Forward, or forward and the gradient of the summed cross-entropy towards x."""

    def __init__(self, folder, unit, options):
        self.device = options.device
        net = Net(folder, unit, self.device)
        self.net = torch.compile(net.__call__) if options.compile else net
        self.x = read_tensor(folder, unit["input"]).to(self.device)
        self.labels = torch.tensor(unit["labels"], device=self.device)
        self.gradient = unit["mode"] == "gradient"
        self.result = None

    def run(self, times):
        for _ in range(times):
            self.result = self.once()
        synchronise(self.device)

    def once(self):
        if not self.gradient:
            with torch.no_grad():
                return self.net(self.x)
        x = self.x.detach().requires_grad_(True)
        return torch.autograd.grad(F.cross_entropy(self.net(x), self.labels, reduction="sum"), x)[0]


class Train:
    """A training step: forward, gradients of all parameters, SGD. The result: velocities after the first step."""

    def __init__(self, folder, unit, options):
        self.device = options.device
        net = Net(folder, unit, self.device)
        training = unit["training"]
        parameters = training["parameters"]
        self.weights = [net.tensors[parameter["id"]].requires_grad_(True) for parameter in parameters]
        groups = [{"params": [weight], "weight_decay": parameter["decay"]} for weight, parameter in zip(self.weights, parameters)]
        self.optimiser = torch.optim.SGD(groups, lr=training["rate"], momentum=training["momentum"])
        self.net = torch.compile(net.__call__) if options.compile else net
        self.x = read_tensor(folder, unit["input"]).to(self.device)
        self.labels = torch.tensor(unit["labels"], device=self.device)
        self.result = None

    def run(self, times):
        for _ in range(times):
            self.optimiser.zero_grad(set_to_none=True)
            F.cross_entropy(self.net(self.x), self.labels).backward()
            self.optimiser.step()
        if self.result is None:
            velocities = [self.optimiser.state[weight]["momentum_buffer"] for weight in self.weights]
            self.result = torch.cat([velocity.flatten() for velocity in velocities]).clone()
        synchronise(self.device)


class Attack:
    """The `minimal` mode with its defaults on all images, batch by batch; from host memory to host memory."""

    TAU, GAMMA, RADIUS, STEP_START, STEP_END = 0.2, 0.1, 0.3, 1.0, 0.01

    def __init__(self, folder, unit, options):
        self.device, self.batch = options.device, unit["batch"]
        self.iterations, self.tap = unit["attack"]["iterations"], unit["attack"]["features"]
        self.plain = Net(folder, unit, self.device)
        self.net = torch.compile(self.plain.__call__) if options.compile else self.plain
        self.x = read_tensor(folder, unit["input"])
        self.labels = torch.tensor(unit["labels"])
        self.result = None

    def run(self, times):
        for _ in range(times):
            self.result = torch.cat([self.attack(*batch) for batch in zip(self.x.split(self.batch), self.labels.split(self.batch))])
        synchronise(self.device)

    def attack(self, x, labels):
        x, labels = x.to(self.device), labels.to(self.device)
        mask = self.mask(x, labels)
        delta = torch.zeros_like(x)
        radius = torch.full((len(x), 1, 1, 1), self.RADIUS, device=self.device)
        best, best_length = x.clone(), torch.full((len(x), 1, 1, 1), math.inf, device=self.device)
        for i in range(self.iterations + 1):
            candidate = (((x + delta * mask).clamp(0, 1) * 255).round() / 255).requires_grad_(i < self.iterations)
            with torch.set_grad_enabled(i < self.iterations):
                logits = self.net(candidate)
            fools = column(logits.detach().argmax(1) != labels)
            length = norm(candidate.detach() - x)
            better = fools & (length > 0) & (length < best_length)
            best_length = torch.where(better, length, best_length)
            best = torch.where(better, candidate.detach(), best)
            if i == self.iterations:
                return best.cpu()
            g = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), candidate)[0] * mask
            share = (1 + math.cos(math.pi * i / self.iterations)) / 2
            step = self.STEP_END + (self.STEP_START - self.STEP_END) * share
            delta = delta + step * g / (norm(g) + 1e-12)
            if i > 0:
                radius = radius * torch.where(fools, 1 - self.GAMMA, 1 + self.GAMMA)
            p = delta * mask
            p = (x + p * (radius / (norm(p) + 1e-12))).clamp(0, 1) - x
            delta = torch.where(mask > 0, p / (mask + 1e-12), torch.zeros_like(p))

    def mask(self, x, labels):
        """Grad-CAM of the true class, upsampled, over its maximum, zero below tau; all ones where there is no evidence."""
        with torch.no_grad():
            features = self.plain.run({"x": x}, self.tap)
        features = features.detach().requires_grad_(True)
        logits = self.plain.run({"x": x, self.tap: features}, self.plain.output, after=self.tap)
        gradient = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), features)[0]
        with torch.no_grad():
            cam = F.relu((gradient.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True))
            cam = F.interpolate(cam, size=x.shape[2:], mode="bilinear", align_corners=False)
            most = cam.amax((1, 2, 3), keepdim=True)
            relative = cam / (most + 1e-12)
            soft = torch.where(relative >= self.TAU, relative, torch.zeros_like(relative))
            return torch.where(most > 0, soft, torch.ones_like(soft))


def column(values):
    return values.view(-1, 1, 1, 1)


def norm(values):
    return column(values.flatten(1).norm(dim=1))


def synchronise(device):
    if device == "cuda":
        torch.cuda.synchronize()


def read_tensor(folder, stored):
    values = np.fromfile(os.path.join(folder, stored["file"]), dtype="<f4")
    return torch.from_numpy(values.reshape(stored["shape"]))


class Worker:
    def __init__(self, options):
        self.options = options
        self.current = None

    def open(self, _request):
        options = self.options
        if options.device == "cuda":
            if not torch.cuda.is_available():
                raise RuntimeError("this PyTorch finds no CUDA device")
            torch.backends.cudnn.benchmark = True
            torch.backends.cudnn.allow_tf32 = options.tf32
            torch.backends.cuda.matmul.allow_tf32 = options.tf32
            said = torch.cuda.get_device_name()
        else:
            torch.set_num_threads(options.threads)
            said = f"{torch.get_num_threads()} threads"
        return {"version": f"PyTorch {torch.__version__}", "said": said}

    def load(self, request):
        unit = request["unit"]
        kind = {"attack": Attack, "train": Train}.get(unit["kind"], Step)
        self.current = kind(request["folder"], unit, self.options)
        self.current.run(1)
        file = f"output-{os.getpid()}.f32"
        values = self.current.result.detach().contiguous().cpu().numpy().astype("<f4")
        values.tofile(os.path.join(request["folder"], file))
        return {"file": file}

    def sample(self, request):
        start = time.perf_counter()
        self.current.run(request["times"])
        return {"ms": (time.perf_counter() - start) * 1000 / request["times"]}

    def unload(self, _request):
        self.current = None
        torch.compiler.reset()
        return {}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--compile", action="store_true")
    worker = Worker(parser.parse_args())
    # Libraries print on stdout; answers have it to themselves.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"result": getattr(worker, request["do"])(request)}
        except Exception as error:  # Whatever it is, run.mjs prints it and goes on.
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(MARK + json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main()
