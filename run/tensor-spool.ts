/**
 * `tensors.safetensors` of a run that may be stopped and resumed, and may be larger than memory: rows are appended to one raw
 * file per tensor as batches finish, and packed into the safetensors file at the end.
 */
import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { makeFolders, syncFolder, temporaryName } from '../node/files.js';
import { runFiles } from '../report/run-files.js';
import { parseSafetensors } from '../weights/safetensors.js';

/** Shape of one image's row, without the leading axis of images. */
export type RowShapes = Readonly<Record<string, readonly number[]>>;

export class TensorSpool {
  readonly #folder: string;
  readonly #shapes: RowShapes;
  #rows: number;

  private constructor(folder: string, shapes: RowShapes, rows: number) {
    this.#folder = folder;
    this.#shapes = shapes;
    this.#rows = rows;
  }

  /**
   * Opens the spool of a run folder with `rows` finished images: rows beyond them (of a batch that did not finish) are cut
   * off, rows of a packed file are taken back out.
   */
  static async open(folder: string, shapes: RowShapes, rows: number): Promise<TensorSpool> {
    const spool = new TensorSpool(folder, shapes, rows);
    await makeFolders(join(folder, runFiles.spool));
    if (rows > 0 && !(await spool.#covers())) await spool.#unpack();
    for (const name of Object.keys(shapes)) {
      const file = await open(spool.#path(name), 'a');
      try {
        await file.truncate(rows * spool.#rowBytes(name));
      } finally {
        await file.close();
      }
    }
    await syncFolder(join(folder, runFiles.spool));
    return spool;
  }

  /** Appends `count` rows to every tensor, and flushes them. */
  async append(count: number, tensors: Readonly<Record<string, Float32Array>>): Promise<void> {
    for (const name of Object.keys(this.#shapes)) {
      const data = tensors[name];
      const bytes = count * this.#rowBytes(name);
      if (data?.byteLength !== bytes)
        throw new Error(`tensors: expected ${bytes} bytes of ${name}, got ${data?.byteLength}`);
      const file = await open(this.#path(name), 'a');
      try {
        await file.appendFile(new Uint8Array(data.buffer, data.byteOffset, bytes));
        await file.sync();
      } finally {
        await file.close();
      }
    }
    this.#rows += count;
  }

  /** Writes the safetensors file (float32, little-endian, images first) and drops the raw files. */
  async pack(metadata: Readonly<Record<string, string>>): Promise<void> {
    const header: Record<string, unknown> = { __metadata__: metadata };
    let offset = 0;
    for (const [name, shape] of Object.entries(this.#shapes)) {
      const end = offset + this.#rows * this.#rowBytes(name);
      header[name] = { dtype: 'F32', shape: [this.#rows, ...shape], data_offsets: [offset, end] };
      offset = end;
    }
    const json = Buffer.from(JSON.stringify(header));
    const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
    json.copy(padded);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(padded.length));
    const target = join(this.#folder, runFiles.tensors);
    const beside = temporaryName(target);
    try {
      const file = await open(beside, 'w');
      try {
        await file.appendFile(length);
        await file.appendFile(padded);
        for (const name of Object.keys(this.#shapes))
          for await (const chunk of createReadStream(this.#path(name)))
            await file.appendFile(chunk as Buffer);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, target);
      await syncFolder(this.#folder);
    } catch (error) {
      await rm(beside, { force: true }).catch(() => {});
      throw error;
    }
    await rm(join(this.#folder, runFiles.spool), { recursive: true, force: true });
  }

  async #covers(): Promise<boolean> {
    for (const name of Object.keys(this.#shapes)) {
      const found = await stat(this.#path(name)).catch(() => undefined);
      if (!found || found.size < this.#rows * this.#rowBytes(name)) return false;
    }
    return true;
  }

  async #unpack(): Promise<void> {
    const path = join(this.#folder, runFiles.tensors);
    const lost = new UserError(
      `${this.#folder}: expected the tensors of ${this.#rows} finished images, found fewer; use --overwrite to start again`,
    );
    const bytes = await readFile(path).catch(() => {
      throw lost;
    });
    const { tensors } = parseSafetensors(bytes, path);
    for (const name of Object.keys(this.#shapes)) {
      const tensor = tensors.get(name);
      if (!tensor || (tensor.shape[0] ?? 0) < this.#rows) throw lost;
      const data = tensor.toFloat32();
      const file = await open(this.#path(name), 'w');
      try {
        await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        await file.sync();
      } finally {
        await file.close();
      }
    }
  }

  #path(name: string): string {
    return join(this.#folder, runFiles.spool, `${name}.f32`);
  }

  #rowBytes(name: string): number {
    return (this.#shapes[name] ?? []).reduce((product, extent) => product * extent, 4);
  }
}
