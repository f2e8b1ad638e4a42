"""Writes measures.json: what scikit-image and numpy say about pairs of 8-bit images, for measures.test.ts.

The images are not stored: the test rebuilds them from the same integer formulas. Needs numpy and scikit-image.
Run: python test/golden/make_measures.py
"""

import json
from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity


def noise(shape, seed):
    """Bytes of the 32-bit LCG 1664525 s + 1013904223, high byte, in C order of [channels, height, width]."""
    state, out = seed, []
    for _ in range(int(np.prod(shape))):
        state = (1664525 * state + 1013904223) % 2**32
        out.append(state >> 24)
    return np.array(out, np.uint8).reshape(shape)


def smooth(shape):
    """A ramp with a different slope in each channel, wrapped as a triangle, so that no value is out of range."""
    c, y, x = np.indices(shape)
    return np.abs((3 * x + 5 * y + 40 * c) % 510 - 255).astype(np.uint8)


def nudged(image, seed, reach):
    """Adds a whole number in [-reach, reach] to every byte, clipped to 0..255."""
    step = noise(image.shape, seed).astype(int) % (2 * reach + 1) - reach
    return np.clip(image.astype(int) + step, 0, 255).astype(np.uint8)


def case(name, before, after, **recipe):
    x, y = before / 255.0, after / 255.0
    difference = np.abs(y - x)
    similarity = structural_similarity(
        x.transpose(1, 2, 0), y.transpose(1, 2, 0), channel_axis=2, data_range=1,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )
    return {
        "name": name, "shape": list(before.shape), **recipe,
        "l0": int((before != after).sum()), "l1": float(difference.sum()),
        "l2": float(np.sqrt((difference**2).sum())), "linf": float(difference.max()), "ssim": float(similarity),
    }


cases = []
for name, shape, base, reach in [
    ("noise, barely changed", (3, 32, 32), "noise", 2),
    ("noise, strongly changed", (3, 32, 32), "noise", 90),
    ("ramp, barely changed", (3, 32, 32), "smooth", 1),
    ("ramp, changed, odd sizes", (3, 17, 23), "smooth", 20),
    ("one window", (3, 11, 11), "noise", 40),
    ("one row of windows", (1, 11, 29), "smooth", 40),
    ("ImageNet size", (3, 224, 224), "smooth", 6),
    ("identical", (3, 32, 32), "smooth", 0),
]:
    before = noise(shape, 7) if base == "noise" else smooth(shape)
    cases.append(case(name, before, nudged(before, 99, reach), base=base, reach=reach))
before, after = noise((3, 32, 32), 7), noise((3, 32, 32), 8)
cases.append(case("unrelated", before, after, base="noise", reach=None))

lines = ",\n".join(json.dumps(entry) for entry in cases)
Path(__file__).with_name("measures.json").write_text(f"[\n{lines}\n]\n")
