/** Vulkan drivers on this machine: which are installed, what the environment should hold for them, what to install. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { homeFolder, knownCacheFolder } from './files.js';

/** The Vulkan loader's search path for driver manifests on Linux, in its order. */
function manifestFolders(env: NodeJS.ProcessEnv): string[] {
  const home = env.HOME || homeFolder();
  const below = (part: string) => (home ? join(home, part) : '');
  const bases = [
    env.XDG_CONFIG_HOME || below('.config'),
    ...(env.XDG_CONFIG_DIRS || '/etc/xdg').split(delimiter),
    '/usr/local/etc',
    '/etc',
    env.XDG_DATA_HOME || below('.local/share'),
    ...(env.XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(delimiter),
    '/run/opengl-driver/share', // NixOS
  ];
  return bases.filter(Boolean).map((base) => join(base, 'vulkan/icd.d'));
}

/**
 * Manifests of the Vulkan drivers that the loader will find: those named by VK_DRIVER_FILES or VK_ICD_FILENAMES (which
 * replace the search), else those in the standard folders. Linux only.
 */
export function installedDrivers(env: NodeJS.ProcessEnv = process.env): string[] {
  const named = env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES;
  const places = named
    ? named.split(delimiter)
    : [...(env.VK_ADD_DRIVER_FILES ?? '').split(delimiter), ...manifestFolders(env)];
  return places
    .filter(Boolean)
    .flatMap((place) => (place.endsWith('.json') ? existing(place) : manifestsIn(place)));
}

function existing(file: string): string[] {
  try {
    readFileSync(file);
    return [file];
  } catch {
    return [];
  }
}

function manifestsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/**
 * Sets, where unset, what Mesa's drivers read when they are loaded. Linux only. lavapipe's vectors stay as they are by default, 256 bits: with AVX-512's the kernels are
 * no faster (bench/NOTES-soft.md).
 */
export function prepareDriverEnvironment(env: NodeJS.ProcessEnv = process.env): void {
  const folderFor = (variable: string, name: string) => {
    const cache = knownCacheFolder();
    if (env[variable] !== undefined || cache === undefined) return;
    const folder = join(cache, name);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      env[variable] = folder;
    } catch {
      // A home that can't be written to: the driver does what it does without.
    }
  };
  // Mesa's layers complain on stderr where there is none, as in containers. It must be private to the user.
  folderFor('XDG_RUNTIME_DIR', 'runtime');
  // Mesa's own cache mixes the code of vectors of different widths (seen in 25.0: a process that finds another's crashes), so not with other programs.
  folderFor('MESA_SHADER_CACHE_DIR', `mesa-${env.LP_NATIVE_VECTOR_WIDTH ?? 'default'}`);
}

/**
 * How to get a fast driver on this machine, as an imperative clause.
 * @param osRelease the text of /etc/os-release; empty elsewhere than on Linux
 */
export function driverAdvice(
  platform: string = process.platform,
  osRelease: string = readOsRelease(),
): string {
  if (platform === 'darwin') return 'run it on a Mac with Metal';
  if (platform === 'win32') return 'install a current graphics driver with Direct3D 12';
  const field = (key: string) => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';
  const family = `${field('ID')} ${field('ID_LIKE')}`;
  const version = Number.parseFloat(field('VERSION_ID'));
  const apt = 'apt-get install mesa-vulkan-drivers libvulkan1';
  if (field('ID') === 'debian' && version < 13) {
    const suite = field('VERSION_CODENAME') || 'bookworm';
    return `install Mesa from Debian backports: add the suite ${suite}-backports to the apt sources, then "apt-get update && apt-get install -t ${suite}-backports mesa-vulkan-drivers libvulkan1"`;
  }
  if (field('ID') === 'ubuntu' && version < 24)
    return `install Mesa 24 or newer, as in Ubuntu 24.04: "${apt}"`;
  if (/debian|ubuntu/.test(family)) return `install Mesa: "apt-get update && ${apt}"`;
  if (/fedora|rhel/.test(family)) return 'install Mesa: "dnf install mesa-vulkan-drivers vulkan-loader"';
  if (/arch/.test(family)) return 'install Mesa: "pacman -S vulkan-swrast vulkan-icd-loader"';
  if (/suse/.test(family))
    return 'install Mesa: "zypper install Mesa-vulkan-device-select libvulkan_lvp libvulkan1"';
  return "install the GPU's Vulkan driver, or Mesa 24 or newer with its Vulkan drivers (Debian, Ubuntu: mesa-vulkan-drivers)";
}

function readOsRelease(): string {
  for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
    const text = existing(file).map((found) => readFileSync(found, 'utf8'))[0];
    if (text !== undefined) return text;
  }
  return '';
}
