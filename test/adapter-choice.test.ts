/** Which adapter Node gets and what the user is told, on made-up machines. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.js';
import { chooseAdapter, type Machine } from '../node/adapter.js';

type Name = 'gpu' | 'llvmpipe' | 'swiftshader';

const infos = {
  gpu: { device: 'geforce', isFallbackAdapter: false },
  llvmpipe: { device: 'llvmpipe', isFallbackAdapter: true },
  swiftshader: { device: 'swiftshader', isFallbackAdapter: true },
};

interface Setup {
  platform?: string;
  arch?: string;
  /** Devices that the installed drivers offer, in Dawn's order. */
  devices?: Name[];
  drivers?: string[];
  download?: Error;
}

function machineOf(setup: Setup) {
  const created: string[][] = [];
  let swiftshader = false;
  const machine: Machine = {
    platform: setup.platform ?? 'linux',
    arch: setup.arch ?? 'x64',
    drivers: () => setup.drivers ?? ((setup.devices ?? []).length > 0 ? ['/icd.d/some.json'] : []),
    create(flags) {
      created.push(flags);
      const wanted = flags.find((flag) => flag.startsWith('adapter='))?.slice('adapter='.length);
      const devices: Name[] = swiftshader ? ['swiftshader'] : (setup.devices ?? []);
      return {
        requestAdapter() {
          if (devices.length === 0) return Promise.resolve(null);
          const found = devices.find((name) => infos[name].device.includes(wanted ?? ''));
          const listing = devices
            .map((name) => ` * backend: 'vulkan', name: '${infos[name].device}'`)
            .join('\n');
          if (!found)
            return Promise.reject(new Error(`no suitable backends found\nAvailable adapters:\n${listing}`));
          return Promise.resolve({ info: infos[found] });
        },
      } as unknown as GPU;
    },
    useSwiftShader() {
      if (setup.download) return Promise.reject(setup.download);
      swiftshader = true;
      return Promise.resolve();
    },
    advice: () => 'install Mesa: "apt-get install mesa-vulkan-drivers"',
  };
  return { machine, created };
}

async function choose(setup: Setup, choice?: string) {
  const { machine, created } = machineOf(setup);
  const lines: string[] = [];
  const { adapter } = await chooseAdapter(machine, choice, (line) => lines.push(line));
  return { device: adapter.info.device, lines, created };
}

describe('without CFR_ADAPTER', () => {
  it('takes the first device of the installed drivers, silently', async () => {
    expect(await choose({ devices: ['gpu', 'llvmpipe'] })).toMatchObject({ device: 'geforce', lines: [] });
    expect(await choose({ devices: ['llvmpipe'] }, ' ')).toMatchObject({ device: 'llvmpipe', lines: [] });
  });

  it('falls back to SwiftShader and says how to be faster', async () => {
    const { device, lines, created } = await choose({});
    expect(device).toBe('swiftshader');
    expect(lines).toEqual([
      'no graphics driver is installed; using SwiftShader, which is several times slower. For speed, install Mesa: "apt-get install mesa-vulkan-drivers"',
    ]);
    // Without a driver to look for, Dawn is not asked: it would print complaints.
    expect(created).toHaveLength(1);
  });

  it('falls back where the installed drivers are too old for Dawn', async () => {
    const { device, lines } = await choose({ drivers: ['/icd.d/lvp_icd.json'] });
    expect(device).toBe('swiftshader');
    expect(lines[0]).toMatch(/^the installed graphics drivers are not usable \(Mesa older than 24/);
  });

  it('says what to install where SwiftShader does not run', async () => {
    const message =
      'no WebGPU adapter: no graphics driver is installed; install Mesa: "apt-get install mesa-vulkan-drivers"';
    await expect(choose({ arch: 'arm64' })).rejects.toThrow(message);
    await expect(choose({ platform: 'darwin', arch: 'arm64' })).rejects.toThrow(
      /^no WebGPU adapter: the installed/,
    );
  });

  it('says what to install where SwiftShader can not be downloaded', async () => {
    await expect(choose({ download: new Error('npm pack: getaddrinfo ENOTFOUND') })).rejects.toThrow(
      'no WebGPU adapter: could not get SwiftShader (npm pack: getaddrinfo ENOTFOUND); install Mesa: "apt-get install mesa-vulkan-drivers"',
    );
  });
});

describe('with CFR_ADAPTER', () => {
  it('takes SwiftShader, lavapipe or a device by its name', async () => {
    const devices: Name[] = ['gpu', 'llvmpipe'];
    expect(await choose({ devices }, 'swiftshader')).toMatchObject({ device: 'swiftshader', lines: [] });
    expect(await choose({ devices }, 'lavapipe')).toMatchObject({ device: 'llvmpipe' });
    expect(await choose({ devices }, 'force')).toMatchObject({ device: 'geforce' });
    expect(await choose({ devices }, 'gpu')).toMatchObject({ device: 'geforce' });
  });

  it.each([
    [{ devices: ['llvmpipe'] }, 'gpu', 'adapter gpu: expected a hardware GPU, got llvmpipe; install the GPU'],
    [{}, 'gpu', 'adapter gpu: expected such an adapter, got none; install Mesa'],
    [{ devices: ['gpu'] }, 'lavapipe', 'got none like it; here are: geforce'],
    [
      { arch: 'arm64' },
      'swiftshader',
      'adapter swiftshader: expected linux-x64, got linux-arm64; choose another (--adapter, CFR_ADAPTER), or install',
    ],
  ] satisfies [Setup, string, string][])(
    'is a mistake of the user on %j: %s',
    async (setup, choice, message) => {
      const outcome = choose(setup, choice);
      await expect(outcome).rejects.toThrow(message);
      await expect(outcome).rejects.toBeInstanceOf(UserError);
    },
  );
});
