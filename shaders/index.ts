/** The kernels of the ops table as `ShaderSource`s. Variants and attacks import their own files beside their lowering. */

import adaptivePool from './adaptive_pool.wgsl';
import adaptivePoolGradient from './adaptive_pool_gradient.wgsl';
import batchNorm from './batch_norm.wgsl';
import channelReduce from './channel_reduce.wgsl';
import conv2dInputGradientNaive from './conv2d_input_gradient_naive.wgsl';
import conv2dNaive from './conv2d_naive.wgsl';
import conv2dWeightGradient from './conv2d_weight_gradient.wgsl';
import copy from './copy.wgsl';
import copyColumns from './copy_columns.wgsl';
import crossEntropy from './cross_entropy.wgsl';
import crossEntropyGradient from './cross_entropy_gradient.wgsl';
import gather from './gather.wgsl';
import matmulNaive from './matmul_naive.wgsl';
import maxPool2x2Gradient from './max_pool_2x2_gradient.wgsl';
import pointwise from './pointwise.wgsl';
import pool from './pool.wgsl';
import poolGradient from './pool_gradient.wgsl';
import poolWinner from './pool_winner.wgsl';
import resizeBilinear from './resize_bilinear.wgsl';
import resizeBilinearGradient from './resize_bilinear_gradient.wgsl';
import scaleShift from './scale_shift.wgsl';
import scatter from './scatter.wgsl';
import softmax from './softmax.wgsl';
import softmaxGradient from './softmax_gradient.wgsl';
import { shaderSource } from './source.js';
import subsamplePad from './subsample_pad.wgsl';

export const adaptivePoolShader = shaderSource('adaptive_pool', adaptivePool);
export const adaptivePoolGradientShader = shaderSource('adaptive_pool_gradient', adaptivePoolGradient);
export const batchNormShader = shaderSource('batch_norm', batchNorm);
export const channelReduceShader = shaderSource('channel_reduce', channelReduce);
export const conv2dInputGradientNaiveShader = shaderSource(
  'conv2d_input_gradient_naive',
  conv2dInputGradientNaive,
);
export const conv2dNaiveShader = shaderSource('conv2d_naive', conv2dNaive);
export const conv2dWeightGradientShader = shaderSource('conv2d_weight_gradient', conv2dWeightGradient);
export const copyShader = shaderSource('copy', copy);
export const copyColumnsShader = shaderSource('copy_columns', copyColumns);
export const crossEntropyShader = shaderSource('cross_entropy', crossEntropy);
export const crossEntropyGradientShader = shaderSource('cross_entropy_gradient', crossEntropyGradient);
export const gatherShader = shaderSource('gather', gather);
export const maxPool2x2GradientShader = shaderSource('max_pool_2x2_gradient', maxPool2x2Gradient);
export const matmulNaiveShader = shaderSource('matmul_naive', matmulNaive);
export const pointwiseShader = shaderSource('pointwise', pointwise);
export const poolShader = shaderSource('pool', pool);
export const poolGradientShader = shaderSource('pool_gradient', poolGradient);
export const poolWinnerShader = shaderSource('pool_winner', poolWinner);
export const resizeBilinearShader = shaderSource('resize_bilinear', resizeBilinear);
export const resizeBilinearGradientShader = shaderSource('resize_bilinear_gradient', resizeBilinearGradient);
export const scaleShiftShader = shaderSource('scale_shift', scaleShift);
export const scatterShader = shaderSource('scatter', scatter);
export const softmaxShader = shaderSource('softmax', softmax);
export const softmaxGradientShader = shaderSource('softmax_gradient', softmaxGradient);
export const subsamplePadShader = shaderSource('subsample_pad', subsamplePad);
