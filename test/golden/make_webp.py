"""WebP, PPM and PGM files and Pillow's pixels of them.

Writes test/fixtures/webp-ppm.safetensors: `file.NAME` the bytes of a file, `rgb.NAME` [height, width, 3] of `convert('RGB')`.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

random = np.random.default_rng(0)
ground = Image.fromarray(random.integers(0, 256, (4, 5, 3), np.uint8)).resize((33, 21), Image.BICUBIC)
alpha = Image.fromarray(random.integers(0, 256, (21, 33), np.uint8))
tensors = {}


def add(name: str, file: bytes) -> None:
    tensors[f"file.{name}"] = np.frombuffer(file, np.uint8)
    tensors[f"rgb.{name}"] = np.array(Image.open(io.BytesIO(file)).convert("RGB"))


def encoded(image: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


with_alpha = ground.copy()
with_alpha.putalpha(alpha)
add("lossy.webp", encoded(ground, "WEBP", quality=70))
add("lossless.webp", encoded(ground, "WEBP", lossless=True))
add("alpha.webp", encoded(with_alpha, "WEBP", lossless=True, exact=True))
add("lossy-alpha.webp", encoded(with_alpha, "WEBP", quality=60))
add("one-pixel.webp", encoded(ground.crop((0, 0, 1, 1)), "WEBP", quality=70))
add("exif.webp", encoded(ground, "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"))
add("colour.ppm", encoded(ground, "PPM"))
add("grey.pgm", encoded(ground.convert("L"), "PPM"))
add("comments.ppm", b"P6 # made by hand\n3\t1\n# and so on\n255\n" + bytes(range(9)))
add("range.ppm", b"P6\n4 1\n100\n" + bytes([0, 1, 2, 3, 50, 51, 97, 98, 99, 100, 77, 33]))
add("deep.ppm", b"P6\n3 1\n65535\n" + random.integers(0, 256, 18, np.uint8).tobytes())
add("range.pgm", b"P5\n5 1\n15\n" + bytes([0, 1, 7, 8, 15]))
save_file(tensors, Path(__file__).parent.parent / "fixtures" / "webp-ppm.safetensors")
