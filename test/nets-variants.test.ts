/** What is assumed of a net: told, settled by options and by images, and compared by `eval --try-variants`. */
import { describe, expect, it } from 'vitest';
import { createImage } from '../data/image.js';
import { loadModel, netFacts } from '../nets/model.js';
import { makeSpec } from '../nets/spec.js';
import { variantsOf } from '../nets/variants.js';
import { openNet } from '../run/net.js';
import type { Services } from '../run/services.js';
import { fakeNet } from './nets-fakes.js';

const file = fakeNet(makeSpec('resnet18', { form: 'cifar', widths: [4, 8, 12, 16], classes: 7 }));
const vgg = fakeNet(makeSpec('vgg11', { widths: [2, 4, 6, 8, 10], hidden: [12, 12] }));

describe('assumptions', () => {
  it('names the options that settle them', () => {
    expect(loadModel(file).assumptions).toEqual([
      'no max-pool behind the 3x3 stem of stride 1 (--stem-pool, --no-stem-pool, --stem-stride)',
      "normalisation by mean 0.4914,0.4822,0.4465 and std 0.247,0.2435,0.2616, CIFAR-10's " +
        '(--mean, --std; --mean 0,0,0 --std 1,1,1 for nets on plain [0,1])',
      'input of 32x32, the usual one (--input-size)',
    ]);
  });

  it('are none where options settle all, or the file is known', () => {
    const options = {
      mean: [0, 0, 0],
      std: [1, 1, 1],
      stemPool: true,
      stemStride: 1,
      inputSize: [64, 64],
    } as const;
    const { assumptions, open, spec } = loadModel(file, options);
    expect([assumptions, open]).toEqual([[], []]);
    expect(spec).toMatchObject({ height: 64, width: 64, inputSize: 64, stem: { pool: true } });
    expect(loadModel(file, { known: true }).assumptions).toEqual([]);
  });

  it('stand in what documents say of the net', () => {
    expect(netFacts(loadModel(file))).toMatchObject({
      arch: 'resnet18',
      inputSize: [32, 32],
      mean: [0.4914, 0.4822, 0.4465],
      assumptions: loadModel(file).assumptions,
    });
  });
});

describe('variants', () => {
  it('are those that the file leaves open', () => {
    const titles = variantsOf(loadModel(file)).map(({ title }) => title);
    expect(titles).toHaveLength(18);
    expect(titles).toContain('--stem-pool --mean 0,0,0 --std 1,1,1');
    expect(new Set(titles).size).toBe(titles.length);
    expect(variantsOf(loadModel(file, { known: true }))).toEqual([{ title: '', options: {} }]);
    const settled = { mean: [0, 0, 0], std: [1, 1, 1], stemPool: false, stemStride: 1 } as const;
    expect(variantsOf(loadModel(file, settled))).toHaveLength(1);
  });

  it('of a VGG hold the one without its last pool, unless its head settles it', () => {
    const small = fakeNet(makeSpec('vgg11', { form: 'cifar', widths: [2, 4, 6, 8, 10] }));
    const titles = variantsOf(loadModel(small)).map(({ title }) => title);
    expect(titles.filter((title) => title.startsWith('--no-last-pool'))).toHaveLength(6);
    expect(titles).toHaveLength(12);
    expect(loadModel(small).assumptions.join()).toContain('--no-last-pool');
    expect(loadModel(vgg).open).not.toContain('last-pool');
    expect(() => loadModel(file, { lastPool: false })).toThrow('--last-pool: expected a VGG');
  });

  it('hold the other shortcut', () => {
    const titles = variantsOf(loadModel(fakeNet(makeSpec('resnet20')))).map(({ title }) => title);
    expect(titles.filter((title) => title.includes('--shortcut A-end'))).toHaveLength(18);
  });
});

describe('the size of the images', () => {
  const notes: string[] = [];
  const console = { note: (text: string) => notes.push(text) } as unknown as Services['console'];

  async function open(of: typeof file, height: number, width: number, options = {}) {
    notes.length = 0;
    const services = {
      loadNet: async () => ({ model: loadModel(of), digest: '' }),
      readImage: async () => createImage(width, height),
    } as unknown as Services;
    const { model } = await openNet(
      ['a.png'],
      { offset: 0, preprocess: 'auto', ...options },
      services,
      console,
    );
    return [model.spec.height, model.spec.width];
  }

  it('is that of a net that takes any, where they are small', async () => {
    expect(await open(file, 64, 96)).toEqual([64, 96]);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain("input of 64x96, the images' own (--input-size)");
  });

  it.each([
    [500, 375, {}],
    [63, 63, {}],
    [64, 64, { preprocess: 'resize' }],
  ])('is not for images of %ix%i %j, which are told to be resized', async (height, width, options) => {
    expect(await open(file, height, width, options)).toEqual([32, 32]);
    expect(notes.at(-1)).toContain(`images: ${height}x${width} brought to the net's 32x32`);
    const squashed = ', squashed: width to height 0.75:1 becomes 1:1; little of a photo is left';
    if (height === 500) expect(notes.at(-1)).toContain(squashed);
    else expect(notes.at(-1)).not.toContain('squashed');
  });

  it('is with --preprocess none, whatever it is', async () => {
    expect(await open(file, 45, 70, { preprocess: 'none' })).toEqual([45, 70]);
  });

  it('is not where the head or the classes say it', async () => {
    expect(await open(vgg, 64, 64)).toEqual([224, 224]);
    expect(await open(fakeNet(makeSpec('resnet18')), 64, 64)).toEqual([224, 224]);
  });
});
