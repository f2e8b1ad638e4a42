"""CIFAR's Python versions and an .npz file, of three images each: channel c of pixel p of image i is (31 i + p + 85 c) mod 256.

Writes test/fixtures/data/. `python2` is as the official files are: byte strings, NumPy's old module names.
"""

import pickle
import struct
from pathlib import Path

import numpy as np

OUT = Path(__file__).parent.parent / "fixtures" / "data"
i, c, p = np.arange(3)[:, None, None], np.arange(3)[None, :, None], np.arange(1024)[None, None, :]
data = ((31 * i + p + 85 * c) % 256).astype(np.uint8).reshape(3, 3072)


def put(path: str, content: bytes) -> None:
    (OUT / path).parent.mkdir(parents=True, exist_ok=True)
    (OUT / path).write_bytes(content)


def text(value: str) -> bytes:
    return b"U" + bytes([len(value)]) + value.encode()


array = (
    b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text("b") + b"\x87R"
    + b"(K\1K\3M\0\x0c\x86cnumpy\ndtype\n" + text("u1") + b"K\0K\1\x87R(K\3" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    + b"\x89T" + struct.pack("<I", data.size) + data.tobytes() + b"tb"
)
put("python2/test_batch", b"\x80\2}(" + text("data") + array + text("labels") + b"](K\3K\5K\1eu.")
put("python3/cifar-10-batches-py/test_batch", pickle.dumps({b"data": data, b"labels": [3, 5, 1]}, 2))
names = [f"name {k:02}" for k in range(100)]
put("cifar-100-python/test", pickle.dumps({b"data": data, b"fine_labels": [99, 0, 7], b"coarse_labels": [1, 2, 3]}, 2))
put("cifar-100-python/meta", pickle.dumps({b"fine_label_names": [name.encode() for name in names]}, 2))
rgb = data.reshape(3, 3, 32, 32).transpose(0, 2, 3, 1)
for name, images in [("last", rgb), ("first", data.reshape(3, 3, 32, 32)), ("grey", rgb[..., 0])]:
    np.savez_compressed(OUT / f"{name}.npz", x_test=np.ascontiguousarray(images), y_test=np.array([[2], [0], [1]]))
