/** The soft_*.wgsl kernels with the functions that they share. */
import epilogue from '../../shaders/soft_epilogue.wgsl';
import gemm from '../../shaders/soft_gemm.wgsl';
import image from '../../shaders/soft_image.wgsl';
import pack from '../../shaders/soft_pack.wgsl';
import packed from '../../shaders/soft_packed.wgsl';
import quotient from '../../shaders/soft_quotient.wgsl';
import texel from '../../shaders/soft_texel.wgsl';
import weightImage from '../../shaders/soft_weight_image.wgsl';
import winogradInput from '../../shaders/soft_winograd_input.wgsl';
import winogradOutput from '../../shaders/soft_winograd_output.wgsl';
import winogradPoints from '../../shaders/soft_winograd_points.wgsl';
import winogradWeight from '../../shaders/soft_winograd_weight.wgsl';
import { shaderSource } from '../../shaders/source.js';

export const imageShader = shaderSource('soft_image', image, quotient, texel);
export const packShader = shaderSource('soft_pack', pack, quotient, texel, packed);
export const weightImageShader = shaderSource('soft_weight_image', weightImage, quotient, texel);
/** The product kept apart (SPLIT), which has no epilogue, and the product that ends in the tensor. */
export const splitGemmShader = shaderSource('soft_gemm', gemm, texel);
export const gemmShader = shaderSource('soft_gemm', gemm, quotient, texel, epilogue);
export const winogradInputShader = shaderSource(
  'soft_winograd_input',
  winogradInput,
  winogradPoints,
  quotient,
  texel,
  packed,
);
export const winogradOutputShader = shaderSource(
  'soft_winograd_output',
  winogradOutput,
  winogradPoints,
  quotient,
  epilogue,
);
export const winogradWeightShader = shaderSource(
  'soft_winograd_weight',
  winogradWeight,
  winogradPoints,
  quotient,
  texel,
  packed,
);
