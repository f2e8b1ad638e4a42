"""PNG files of every colour type, depth and interlace, with and without tRNS, and Pillow's pixels of them.

Writes test/fixtures/png.safetensors: `file.NAME` the bytes of a file, `rgb.NAME` [height, width, 3] of `convert('RGB')`.
Pillow does not write most of these forms, so the files are put together here, each row under another filter.
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

FORMS = {0: (1, [1, 2, 4, 8, 16]), 2: (3, [8, 16]), 3: (1, [1, 2, 4, 8]), 4: (2, [8, 16]), 6: (4, [8, 16])}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
random = np.random.default_rng(0)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def packed_row(row: np.ndarray, depth: int) -> np.ndarray:
    if depth == 16:
        return row.astype(">u2").view(np.uint8)
    if depth == 8:
        return row.astype(np.uint8)
    bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.ravel())


def filtered(rows: list[np.ndarray], step: int, first: int) -> bytes:
    out = b""
    above = np.zeros_like(rows[0])
    for y, row in enumerate(rows):
        kind = (y + first) % 5
        left = np.concatenate([np.zeros(step, np.uint8), row])[: len(row)].astype(int)
        corner = np.concatenate([np.zeros(step, np.uint8), above])[: len(row)].astype(int)
        up = above.astype(int)
        p = left + up - corner
        pa, pb, pc = abs(p - left), abs(p - up), abs(p - corner)
        paeth = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, up, corner))
        base = [0 * up, left, up, (left + up) // 2, paeth][kind]
        out += bytes([kind]) + ((row.astype(int) - base) & 255).astype(np.uint8).tobytes()
        above = row
    return out


def png(colour: int, depth: int, interlaced: bool, width: int, height: int, trns: bytes | None, colours: int = 256) -> bytes:
    samples, _ = FORMS[colour]
    top = min(2**depth, colours + 3) if colour == 3 else 2**depth
    pixels = random.integers(0, top, (height, width, samples))
    step = max(1, samples * depth // 8)
    data = b""
    for left, up, across, down in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = pixels[up::down, left::across]
        if part.size:
            data += filtered([packed_row(row.ravel(), depth) for row in part], step, left + up)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    if colour == 3:
        out += chunk(b"PLTE", random.integers(0, 256, 3 * min(colours, 2**depth), np.uint8).tobytes())
    if trns is not None:
        out += chunk(b"tRNS", trns)
    packed = zlib.compress(data)
    cut = len(packed) // 2
    return out + chunk(b"IDAT", packed[:cut]) + chunk(b"IDAT", packed[cut:]) + chunk(b"IEND", b"")


tensors = {}


def add(name: str, file: bytes, rgb: np.ndarray | None = None) -> None:
    tensors[f"file.{name}"] = np.frombuffer(file, np.uint8)
    tensors[f"rgb.{name}"] = np.array(Image.open(io.BytesIO(file)).convert("RGB")) if rgb is None else rgb


for colour, (samples, depths) in FORMS.items():
    for depth in depths:
        if (colour, depth) == (0, 16):
            continue  # Pillow clips it to white
        for interlaced in (False, True):
            name = f"colour{colour}-depth{depth}{'-interlaced' if interlaced else ''}"
            add(name, png(colour, depth, interlaced, 13, 11, None))
        trns = {0: b"\0\1", 2: b"\0\1\0\1\0\1", 3: bytes([0, 255])}.get(colour)
        if trns:
            add(f"colour{colour}-depth{depth}-trns", png(colour, depth, False, 13, 11, trns))
add("short-palette", png(3, 8, False, 13, 11, None, colours=5))
for width, height in [(1, 1), (1, 9), (9, 1), (3, 2), (5, 5)]:
    add(f"interlaced-{width}x{height}", png(2, 8, True, width, height, None))
save_file(tensors, Path(__file__).parent.parent / "fixtures" / "png.safetensors")
