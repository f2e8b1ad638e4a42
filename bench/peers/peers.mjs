/** The peers: how each is started, what it needs, and how near its values must come to ours. */
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * Normalised mean square error, peer against ours. Gradients: where an activation is 0 but for rounding, ReLU lets the gradient
 * through on one side and not on the other, and one such unit of thousands in a late layer is some 1e-5 of the whole.
 */
const EXACT = { forward: 1e-8, gradient: 1e-3, train: 1e-3 };
/** Operands rounded to 10 bits of mantissa. */
const TF32 = { forward: 1e-4, gradient: 5e-2, train: 5e-2 };

const node = (file, ...args) => ({ command: process.execPath, args: [here(file), ...args] });

/**
 * @param {{threads: number, python?: string, dawn: string}} options
 * @returns {{name: string, says: string, needs: 'npm' | 'python', command?: string, args?: string[], modes: string[],
 *   tolerance: Record<string, number>, gpuOnly?: boolean}[]}
 */
export function listPeers({ threads, python, dawn }) {
  const web = ['--dawn', dawn];
  const all = ['forward', 'gradient', 'train'];
  const torch = (...args) => ({
    needs: 'python',
    command: python,
    args: [here('pytorch.py'), ...args],
    modes: [...all, 'attack'],
  });
  return [
    {
      name: 'tfjs-webgpu',
      says: "tfjs WebGPU, dawn.node's polling as it comes",
      needs: 'npm',
      ...node('tfjs.mjs', 'webgpu', ...web),
      modes: all,
      tolerance: EXACT,
    },
    {
      name: 'tfjs-webgpu-throttled',
      says: 'tfjs WebGPU, polling throttled as ours',
      needs: 'npm',
      ...node('tfjs.mjs', 'webgpu', '--throttled', ...web),
      modes: all,
      tolerance: EXACT,
    },
    {
      name: 'ort-webgpu',
      says: "onnxruntime's WebGPU provider (its own Dawn)",
      needs: 'npm',
      ...node('ort.mjs', 'node', '--provider', 'webgpu', ...web),
      modes: ['forward'],
      tolerance: EXACT,
    },
    {
      name: 'tfjs-wasm',
      says: `tfjs WebAssembly, ${threads} threads`,
      needs: 'npm',
      ...node('tfjs.mjs', 'wasm', '--threads', `${threads}`),
      modes: all,
      tolerance: EXACT,
    },
    {
      name: 'ort-wasm',
      says: `onnxruntime-web WebAssembly, ${threads} threads`,
      needs: 'npm',
      ...node('ort.mjs', 'web', '--provider', 'wasm', '--threads', `${threads}`),
      modes: ['forward'],
      tolerance: EXACT,
    },
    {
      name: 'ort-node',
      says: `onnxruntime-node on the CPU, ${threads} threads`,
      needs: 'npm',
      ...node('ort.mjs', 'node', '--provider', 'cpu', '--threads', `${threads}`),
      modes: ['forward'],
      tolerance: EXACT,
    },
    {
      name: 'torch-cpu',
      says: 'PyTorch on the CPU, eager',
      ...torch('--device', 'cpu', '--threads', `${threads}`),
      tolerance: EXACT,
    },
    {
      name: 'torch-cuda',
      says: 'PyTorch CUDA, eager, f32',
      gpuOnly: true,
      ...torch('--device', 'cuda'),
      tolerance: EXACT,
    },
    {
      name: 'torch-cuda-tf32',
      says: 'PyTorch CUDA, eager, TF32 (its default for convolutions)',
      gpuOnly: true,
      ...torch('--device', 'cuda', '--tf32'),
      tolerance: TF32,
    },
    {
      name: 'torch-compile',
      says: 'PyTorch CUDA, torch.compile, f32',
      gpuOnly: true,
      ...torch('--device', 'cuda', '--compile'),
      tolerance: EXACT,
    },
  ];
}
