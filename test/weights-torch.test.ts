/** PyTorch files of every form against PyTorch's own reading; hostile and damaged files must end in one clear error. */

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { parseStateDict } from '../weights/state-dict.js';
import { expectedFiles, fixture, messageOf, outline, parseFixture } from './fixtures/weights/fixtures.js';

describe('files as PyTorch reads them', () => {
  for (const [file, { metadata, tensors }] of Object.entries(expectedFiles())) {
    it(file, () => {
      const got = parseFixture(file);
      expect(got.source).toBe(file);
      expect(outline(got.tensors)).toEqual(outline(Object.entries(tensors)));
      for (const [name, { values }] of Object.entries(tensors)) {
        expect([...got.tensors.get(name)!.toFloat32()], name).toEqual([...values]);
      }
      expect(got.metadata).toMatchObject(metadata);
    });
  }

  it('keeps plain values aside and drops the rest of a checkpoint', () => {
    const { metadata } = parseFixture('zip-wrapped.pth');
    expect(metadata).toEqual({ epoch: '12', best_acc1: '0.5', arch: 'resnet18', mean: '[0.5,0.25,0.125]' });
  });

  it('takes several state dicts as one, each under its key', () => {
    const names = [...parseFixture('zip-two.pth').tensors.keys()].map((name) => name.split('.')[0]);
    expect(new Set(names)).toEqual(new Set(['generator', 'discriminator']));
  });

  it('reads from a Buffer at an odd offset', () => {
    for (const file of ['zip-views.pth', 'stream-views.pth', 'every.safetensors']) {
      const bytes = fixture(file);
      const shifted = Buffer.alloc(bytes.length + 3);
      shifted.set(bytes, 3);
      const got = parseStateDict(shifted.subarray(3), file);
      for (const [name, { values }] of Object.entries(expectedFiles()[file]!.tensors)) {
        expect([...got.tensors.get(name)!.toFloat32()]).toEqual([...values]);
      }
    }
  });

  it('gives views of contiguous f32 data, not copies', () => {
    const bytes = fixture('zip-module.pth');
    const values = parseStateDict(bytes, 'x').tensors.get('conv.weight')!.toFloat32();
    expect(values.buffer).toBe(bytes.buffer);
  });
});

describe('refused files', () => {
  const refused: readonly (readonly [file: string, message: RegExp])[] = [
    ['zip-evil.pth', /refused: its pickle names the global "posix\.system".*nothing was executed/],
    ['stream-evil.pth', /refused: its pickle names the global "posix\.system".*nothing was executed/],
    ['zip-evil-aside.pth', /refused: .*"posix\.system"/],
    ['stream-evil-aside.pth', /refused: .*"posix\.system"/],
    [
      'zip-unknown.pth',
      /"extra" in the state dict is an object of the unsupported global "__main__\.Unknown"/,
    ],
    [
      'stream-unknown.pth',
      /"extra" in the state dict is an object of the unsupported global "__main__\.Unknown"/,
    ],
    ['zip-whole-module.pth', /expected a state dict.*"__main__\.Net".*save model\.state_dict\(\)/],
    ['zip-none.pth', /got a dict without tensors \(keys: epoch\)/],
    ['zip-list.pth', /expected a state dict.*got a list of 1 values/],
    ['zip-complex.pth', /ComplexFloatStorage/],
    ['zip-torchscript.pth', /TorchScript archive; save model\.state_dict\(\)/],
    ['plain.pickle', /plain Python pickle; save the state dict with torch\.save/],
    ['stream-beyond.pth', /tensor "w": shape \[3\] at offset 2 needs 5 elements, its storage has 4/],
    [
      'stream-beyond-strided.pth',
      /tensor "w": shape \[2,2\] at offset 0 needs 5 elements, its storage has 4/,
    ],
    ['stream-beyond-view.pth', /tensor "w": its storage is missing/],
    ['stream-huge.pth', /tensor "w": shape \[10000,10000\] is too large/],
    ['zip-nan.pth', /tensor "w" \(f32 \[2,2\]\) holds NaN or infinity at flat index 2/],
  ];
  for (const [file, message] of refused) {
    it(file, () => {
      expect(() => parseFixture(file)).toThrow(UserError);
      const text = messageOf(() => parseFixture(file));
      expect(text).toMatch(message);
      expect(text.startsWith(`${file}: `)).toBe(true);
      expect(text).not.toContain('\n');
      expect(existsSync('/tmp/owned-by-a-weights-file')).toBe(false);
    });
  }

  it('whatever the length a file is cut to', () => {
    for (const file of ['zip-wrapped.pth', 'stream-wrapped.pth', 'stream-python2.pth', 'tar.pth']) {
      const bytes = fixture(file);
      // The tar ends in padding that is not needed.
      const needed = file === 'tar.pth' ? 5 * 512 : bytes.length;
      for (let length = 0; length < needed; length += 7) {
        expect(() => parseStateDict(bytes.subarray(0, length), file), `${file} cut to ${length}`).toThrow(
          UserError,
        );
      }
    }
  });

  it('with any byte changed: an error of ours or a result, never a crash', () => {
    for (const file of [
      'zip-views.pth',
      'stream-views.pth',
      'stream-python2.pth',
      'tar.pth',
      'zip-deflated.pth',
      'zip-zip64-directory.pth',
    ]) {
      const bytes = fixture(file);
      for (let at = 0; at < bytes.length; at += 5) {
        const changed = bytes.slice();
        changed[at] = changed[at]! ^ 0x55;
        try {
          for (const { shape, toFloat32 } of parseStateDict(changed, file).tensors.values()) {
            if (toFloat32().length !== shape.reduce((a, b) => a * b, 1))
              throw new Error('another number of values than the shape says');
          }
        } catch (error) {
          if (!(error instanceof UserError)) throw new Error(`${file}, byte ${at}`, { cause: error });
        }
      }
    }
  });

  it('that claim more than they hold', () => {
    // A deflated entry that declares a size beyond deflate's reach.
    const bomb = fixture('zip-deflated.pth');
    const view = new DataView(bomb.buffer);
    for (let at = 0; at + 46 < bomb.length; at++) {
      if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 0xfffffff0, true);
    }
    expect(messageOf(() => parseStateDict(bomb, 'bomb.pth'))).toMatch(/claims 4294967280 bytes from/);
  });

  it('that are something else, with what they look like', () => {
    const text = (content: string) =>
      messageOf(() => parseStateDict(new TextEncoder().encode(content), 'net.pth'));
    expect(text('')).toBe(
      'net.pth: expected safetensors or a PyTorch file, got an empty file (0 bytes); fetch or copy it again',
    );
    expect(text('<!DOCTYPE html><html>')).toMatch(/HTML or XML text/);
    expect(text('version https://git-lfs.github.com/spec/v1\n')).toMatch(/git lfs pull/);
    expect(text('what is this')).toMatch(/12 bytes beginning 77 68 61 74/);
    const zip = fixture('zip-none.pth');
    const name = new TextEncoder().encode('data.pkl');
    for (let at = 0; at < zip.length; at++) if (name.every((byte, i) => zip[at + i] === byte)) zip[at] = 0x78;
    expect(messageOf(() => parseStateDict(zip, 'other.zip'))).toMatch(/zip archive without data\.pkl/);
  });
});
