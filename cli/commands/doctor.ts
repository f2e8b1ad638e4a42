/** `cfr doctor`: what runs here, whether it computes right, how fast it is, and what would make it faster. */
import type { Command } from 'commander';
import type { AdapterSummary } from '../../engine/adapter.js';
import { driverAdvice } from '../../node/drivers.js';
import type { Services } from '../../run/services.js';
import { addOutputOptions, type OutputOptions } from '../options.js';

export function registerDoctor(program: Command, services: Services): void {
  addOutputOptions(program.command('doctor'))
    .description(
      'Adapter, driver, features and limits; a self-test of the device; what to install for more speed.',
    )
    .addHelpText(
      'after',
      `
Examples:
  cfr doctor
  cfr doctor --json
  CFR_ADAPTER=swiftshader cfr doctor`,
    )
    .action((options: OutputOptions) => doctor(options, services));
}

async function doctor(options: OutputOptions, services: Services): Promise<void> {
  const console = services.console.with(options);
  const device = await services.openDevice();
  const { adapter, traits } = device;
  const selfTest = await device.selfTest();
  const step = selfTest.passed ? await device.timeStep() : null;
  const advice = adviceFor(adapter, traits.subgroupSize);
  const cache = services.cacheFolder();
  const features = [...traits.features].sort((a, b) => a.localeCompare(b));
  services.exitCode = selfTest.passed ? 0 : 1;
  if (console.json) {
    console.document({
      adapter,
      features,
      limits: traits.limits,
      subgroupSize: traits.subgroupSize,
      selfTest,
      step,
      cache,
      advice,
    });
    return;
  }
  const percent = (error: number) => `${(100 * error).toPrecision(2)} %`;
  const lines: [string, string][] = [
    ['adapter', adapter.name],
    ['driver', adapter.driver || 'not told'],
    ['kind', `${adapter.backend}, ${adapter.software ? 'software (computes on the CPU)' : 'GPU'}`],
    ['features', features.join(', ') || 'none'],
    ...Object.entries(traits.limits).map(([name, limit]): [string, string] => [name, limitText(name, limit)]),
    [
      'self-test',
      selfTest.passed
        ? `passed (logits within ${percent(selfTest.logitError)}, gradients within ${percent(selfTest.gradientError)} of the reference)`
        : `FAILED: logits are off by ${percent(selfTest.logitError)}, gradients by ${percent(selfTest.gradientError)}; attacks are refused here`,
    ],
    ...(step
      ? [
          [
            'speed',
            `${step.gflops.toFixed(1)} GFLOP/s (convolution and gradient, ${step.milliseconds.toFixed(1)} ms)`,
          ] satisfies [string, string],
        ]
      : []),
    ['cache', cache],
    ['node', `${process.version}, ${process.platform} ${process.arch}`],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  console.say(lines.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n'));
  if (advice !== null) console.say(`\nFor more speed: ${advice}.`);
}

/** What to do for more speed; null on a GPU. */
export function adviceFor({ software, driver, name }: AdapterSummary, subgroupSize: number): string | null {
  if (!software) return null;
  if (/swiftshader/i.test(driver || name)) return driverAdvice();
  if (/llvmpipe/i.test(driver || name) && subgroupSize !== 8)
    return 'vectors of 256 bits, which the kernels are written for: unset LP_NATIVE_VECTOR_WIDTH';
  return "a GPU with its vendor's Vulkan driver; Mesa's CPU driver, in use here, is the fastest without one";
}

function limitText(name: string, limit: number): string {
  if (!/Size$/.test(name)) return String(limit);
  return limit >= 2 ** 20 ? `${Math.round(limit / 2 ** 20)} MiB` : `${limit / 2 ** 10} KiB`;
}
