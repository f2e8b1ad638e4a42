/** Images packed with their padding, whose patches soft_gemm.wgsl reads in place. */
import {
  ceilDiv,
  type DeviceTraits,
  type Lowering,
  maxTextureBytes,
  type Operand,
  TEXTURE_SHIFT,
} from '../dispatch.js';
import { MAX_ROWS } from './soft-gemm.js';
import { imageShader } from './soft-sources.js';

/** Texel (y, x) of a plane holds the source's (y * step - pad), zero outside of it. */
export interface PackedImage {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly step: readonly [number, number];
  readonly pad: readonly [number, number];
  /** Extents of a plane in texels. */
  readonly rows: number;
  readonly pitch: number;
}

function bytesOf({ batch, channels, rows, pitch }: PackedImage): number {
  return batch * ceilDiv(channels, 4) * rows * pitch * 16;
}

export function imageFits(image: PackedImage, device: DeviceTraits): boolean {
  return (
    bytesOf(image) <= maxTextureBytes(device) &&
    image.rows * image.pitch < MAX_ROWS &&
    Math.max(image.batch, ceilDiv(image.channels, 4)) <= device.limits.maxComputeWorkgroupsPerDimension
  );
}

/** Packs `from`, [batch, channels, height, width], into a temporary. */
export function packImage(ctx: Lowering, label: string, image: PackedImage, from: Operand): Operand {
  const { batch, channels, height, width, step, pad, rows, pitch } = image;
  const packed = ctx.scratch('packed image', bytesOf(image), 'texture');
  const channels4 = ceilDiv(channels, 4);
  const plane = rows * pitch;
  const steps = Math.min(32, ceilDiv(plane, 8));
  ctx.emit({
    label,
    shader: imageShader,
    constants: { TEXTURE_SHIFT },
    shape: {
      CHANNELS: channels,
      HEIGHT: height,
      WIDTH: width,
      STEP_Y: step[0],
      STEP_X: step[1],
      PAD_Y: pad[0],
      PAD_X: pad[1],
      PLANE: plane,
      PITCH: pitch,
      CHANNELS_4: channels4,
      STEPS: steps,
    },
    bindings: [
      { operand: from, access: 'read' },
      { operand: packed, access: 'write' },
    ],
    workgroups: [ceilDiv(plane, 8 * steps), channels4, batch],
  });
  return packed;
}
