/** What to do where a browser offers no WebGPU, or only a slow one: in this browser, on this system. */
export interface Advice {
  readonly title: string;
  /** The likeliest first. */
  readonly steps: readonly string[];
  /** Where the browser computes on the CPU although it has WebGPU. */
  readonly software: string;
}

const UPDATE = 'Or open this page in a current Chrome, Edge, Firefox or Safari.';
const COMMAND_LINE = 'Or use the command line, which needs no GPU and no browser: npx cfr-attack demo.';

export function adviceFor(
  userAgent: string,
  { protocol, hostname }: Pick<Location, 'protocol' | 'hostname'>,
): Advice {
  const secure = protocol === 'https:' || /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);
  const { name, steps, software } = browserOf(userAgent);
  const insecure = secure
    ? []
    : [
        `WebGPU needs a secure page: open it over https or from localhost, not from ${protocol}//${hostname}.`,
      ];
  return {
    title: `No WebGPU in ${name} here`,
    steps: [...insecure, ...steps, UPDATE, COMMAND_LINE],
    software,
  };
}

function browserOf(agent: string): { name: string; steps: readonly string[]; software: string } {
  const linux = /Linux|X11/.test(agent) && !/Android/.test(agent);
  if (/iPhone|iPad/.test(agent)) {
    return {
      name: 'this browser',
      steps: ['On an iPhone or iPad every browser needs iOS 26 or newer: update the system.'],
      software: '',
    };
  }
  if (/Firefox\//.test(agent)) {
    return {
      name: 'Firefox',
      steps: [
        linux
          ? 'On Linux, open about:config and set dom.webgpu.enabled to true, then restart; or use Firefox Nightly.'
          : 'Update Firefox: Windows has WebGPU since version 141, macOS on Apple silicon since 145.',
      ],
      software: '',
    };
  }
  if (/Safari\//.test(agent) && !/Chrome|Chromium|Edg/.test(agent)) {
    return {
      name: 'Safari',
      steps: ['Update to Safari 26 (macOS 26); in older ones WebGPU is a feature flag in the Develop menu.'],
      software: '',
    };
  }
  const name = /Edg\//.test(agent) ? 'Edge' : 'Chrome';
  const scheme = name === 'Edge' ? 'edge' : 'chrome';
  const acceleration = `Turn graphics acceleration on in ${scheme}://settings/system and restart.`;
  const flags = `On Linux, set ${scheme}://flags/#enable-unsafe-webgpu and ${scheme}://flags/#enable-vulkan to Enabled and restart.`;
  return {
    name,
    steps: [
      acceleration,
      ...(linux ? [flags] : []),
      `Look at ${scheme}://gpu: WebGPU should say "Hardware accelerated"; if the driver is blocked there, update it.`,
    ],
    software: linux ? flags : acceleration,
  };
}
