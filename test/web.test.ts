/** What of the page needs no browser: its address, its advice, and that its parts bundle. */
import { expect, test } from 'vitest';
import { METHODS } from '../attack/methods/index.js';
import { adviceFor } from '../web/advice.js';
import { readAddress, writeAddress } from '../web/url.js';

test('the address holds net, image and both attacks, and leaves out what it does not know', () => {
  const address = {
    net: 'vgg11_bn-cifar10',
    image: 17,
    requests: [
      { method: 'pgd', settings: { epsilon: '8/255', norm: 'linf' } },
      { method: 'cfr', settings: { tau: '0.3' } },
    ],
  } as const;
  const text = writeAddress(address);
  expect(text).toBe(
    '?net=vgg11_bn-cifar10&image=17&method=pgd&epsilon=8%2F255&norm=linf&b.method=cfr&b.tau=0.3',
  );
  expect(readAddress(text)).toEqual({
    ...address,
    requests: [
      { method: 'pgd', settings: { norm: 'linf', epsilon: '8/255' } },
      { method: 'cfr', settings: { tau: '0.3' } },
    ],
  });
  expect(readAddress('?image=x&method=magic&b.method=fgsm&b.steps=3&epsilon=1')).toEqual({
    net: undefined,
    image: undefined,
    requests: [
      { method: 'cfr', settings: {} },
      { method: 'fgsm', settings: {} },
    ],
  });
  for (const { name } of METHODS)
    expect(readAddress(`?method=${name}`).requests[0]).toEqual({ method: name, settings: {} });
});

const here = { protocol: 'https:', hostname: 'example.org' };
test.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox', 'dom.webgpu.enabled'],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
    'Firefox',
    'version 141',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
    'Safari',
    'Safari 26',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130 Mobile Safari/604.1',
    'this browser',
    'iOS 26',
  ],
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'Chrome',
    'chrome://flags/#enable-unsafe-webgpu',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0',
    'Edge',
    'edge://settings/system',
  ],
])('advice for %s', (agent, name, step) => {
  const { title, steps } = adviceFor(agent, here);
  expect(title).toBe(`No WebGPU in ${name} here`);
  expect(steps.join('\n')).toContain(step);
  expect(steps.join('\n')).not.toContain('secure page');
  expect(steps.at(-1)).toContain('npx cfr-attack demo');
});

test('an insecure page is the first thing that is told, but for this machine', () => {
  expect(adviceFor('Chrome/140', { protocol: 'http:', hostname: 'example.org' }).steps[0]).toContain(
    'WebGPU needs a secure page',
  );
  expect(adviceFor('Chrome/140', { protocol: 'http:', hostname: 'localhost' }).steps[0]).not.toContain(
    'secure page',
  );
});
