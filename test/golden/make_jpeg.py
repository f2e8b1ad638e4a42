"""Writes test/fixtures/jpeg/: JPEG files in every form that PIL reads, and beside each, as PNG, the pixels that PIL makes of it.

Needs numpy and Pillow (with libjpeg-turbo 3). Run: python test/golden/make_jpeg.py
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

OUT = Path(__file__).parent.parent / 'fixtures' / 'jpeg'
OUT.mkdir(parents=True, exist_ok=True)
for old in OUT.iterdir():
    old.unlink()
rng = np.random.default_rng(11)


def picture(width, height):
    """Sharp edges between strong colours, where decoders that repeat halved colour planes are off most, on a smooth ground."""
    ground = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
    edges = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).resize((width, height), Image.NEAREST)
    return Image.composite(edges, ground, Image.fromarray((np.indices((height, width)).sum(0) % 24 < 12).astype(np.uint8) * 255))


def encoded(image, **options):
    file = io.BytesIO()
    image.save(file, 'JPEG', **{'quality': 90, **options})
    return bytearray(file.getvalue())


def segments(data):
    """Offset, marker and length of the segments up to the first scan."""
    at = 2
    while True:
        marker, length = data[at + 1], (data[at + 2] << 8) + data[at + 3]
        yield at, marker, length
        if marker == 0xDA:
            return
        at += 2 + length


def find(data, *markers):
    return next((at, length) for at, marker, length in segments(data) if marker in markers)


def with_byte(data, markers, offset, value):
    data[find(data, *markers)[0] + offset] = value
    return data


def without(data, marker):
    at, length = find(data, marker)
    return data[:at] + data[at + 2 + length:]


odd = picture(37, 23)
cmyk = odd.convert('CMYK')
FRAME, ADOBE = (0xC0, 0xC1, 0xC2), (0xEE,)
files = {
    '420': encoded(odd, subsampling=2),
    '422': encoded(odd, subsampling=1),
    '444': encoded(odd, subsampling=0),
    '420-coarse': encoded(odd, subsampling=2, quality=20),
    '420-even': encoded(picture(48, 32), subsampling=2),
    '420-restart': encoded(odd, subsampling=2, restart_marker_blocks=2),
    '420-progressive': encoded(odd, subsampling=2, progressive=True),
    '420-1x1': encoded(picture(1, 1), subsampling=2),
    '420-3x2': encoded(picture(3, 2), subsampling=2),
    'grey': encoded(odd.convert('L')),
    'rgb': encoded(odd, keep_rgb=True),
    'stray-bytes': (lambda d: d[:20] + b'\0\x11' + d[20:] + b'after the end')(encoded(odd)),
    'cmyk': encoded(cmyk),
    'cmyk-without-adobe': without(encoded(cmyk), *ADOBE),
    'cmyk-restart': encoded(cmyk, restart_marker_blocks=3),
    'cmyk-progressive': encoded(cmyk, progressive=True),
    # The same planes, declared to be YCCK.
    'ycck-420': with_byte(encoded(cmyk, subsampling=2), ADOBE, 4 + 11, 2),
    'ycck-420-progressive': with_byte(encoded(cmyk, subsampling=2, progressive=True), ADOBE, 4 + 11, 2),
    # 4:2:2 with its factors exchanged: as many blocks in the same order, another picture.
    '440': with_byte(encoded(picture(48, 48), subsampling=1), FRAME, 11, 0x12),
}
for name, data in files.items():
    (OUT / f'{name}.jpg').write_bytes(data)
    Image.open(io.BytesIO(data)).convert('RGB').save(OUT / f'{name}.png', optimize=True)
print(sum(f.stat().st_size for f in OUT.iterdir()) // 1024, 'KiB')
