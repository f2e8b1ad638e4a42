/**
 * Reads damaged files by every reader of the program, one case after the other. Writes a case's number before it begins, for the case that
 * never ends; tells the parent what is wrong, or may be: memory is judged by the parent, in a process that has read nothing else.
 */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../../base/printable.js';
import { readPythonBatch } from '../../data/cifar-python.js';
import { openCsv } from '../../data/csv.js';
import { decodeImage } from '../../data/image-files.js';
import { openNpz } from '../../data/npz.js';
import { loadModel } from '../../nets/model.js';
import { readResults } from '../../run/results-file.js';
import { parseStateDict } from '../../weights/state-dict.js';
import { damagedCase, originals, TRAPS } from './damage.js';

/** What the parent asks for: cases, or one file. */
export type Order = { readonly from: number; readonly to: number } | { readonly path: string };
export interface Answer {
  /** The case, or undefined of a file. */
  readonly number?: number;
  readonly failed: readonly string[];
  /** Of the processor: a busy machine is no fault of a file's. */
  readonly ms: number;
  /** Growth of the greatest resident size above the idle process. */
  readonly bytes: number;
  /** The last answer to an order. */
  readonly done: boolean;
  /** The process should be replaced: too much was allocated in it to judge by. */
  readonly full?: boolean;
}

const [folder, limitMs, ...folders] = process.argv.slice(2) as [string, string, ...string[]];
const file = join(folder, `case-${process.pid}`);
const list = join(folder, `case-${process.pid}.csv`);

async function read(bytes: Uint8Array): Promise<string[]> {
  const failed: string[] = [];
  const attempt = async (action: () => unknown) => {
    try {
      await action();
    } catch (error) {
      const { name, message, stack } = error as Error;
      if (name !== 'UserError') failed.push(String(stack));
      else if (message.length > 2200 || printable(message, Infinity) !== message)
        failed.push(`message: ${JSON.stringify(message)}`);
    }
  };
  const trap =
    bytes.length < 20 ? TRAPS.indexOf(Buffer.from(bytes).toString() as (typeof TRAPS)[number]) : -1;
  if (trap === 0) for (;;);
  if (trap === 1) Buffer.alloc(2e8, 1);
  if (trap === 2) await attempt(() => JSON.parse('trap'));
  const text = bytes.length < 400;
  await attempt(async () => {
    const { width, height, data } = await decodeImage(bytes, 'x');
    if (data.length !== 3 * width * height) throw new Error('another number of bytes than pixels');
  });
  await attempt(() => {
    const dict = parseStateDict(bytes, 'x');
    for (const { shape, toFloat32 } of dict.tensors.values())
      if (toFloat32().length !== shape.reduce((a, b) => a * b, 1))
        throw new Error('another number of values than its shape');
    loadModel(dict, { name: 'x' });
  });
  await attempt(() => readPythonBatch(bytes, 'x', 'labels', 10));
  if (bytes[0] === 0x50 || text) writeFileSync(file, bytes);
  if (bytes[0] === 0x50)
    await attempt(async () => {
      const data = await openNpz(file);
      for (let i = 0; i < data.length; i++) await data.get(i);
    });
  if (text) {
    writeFileSync(list, bytes);
    await attempt(async () => {
      const data = await openCsv(list);
      await data.digest();
      await data.get(0).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    });
    await attempt(() => readResults(file, { repair: false }));
  }
  return failed;
}

const high = () => 1024 * process.resourceUsage().maxRSS;
const all = originals(folders);
// What is loaded at first use is no file's fault.
const warm = ['420.jpg', '420.png', 'zip-deflated.pth', 'grey.npz', 'list.csv', 'resnet14-cifar.pth'];
for (const { name, bytes } of all) if (warm.some((end) => name.endsWith(end))) await read(bytes);
const idle = high();
const where = openSync(`${file}.number`, 'w');
process.on('exit', () => closeSync(where));
const number = Buffer.alloc(8);

async function judged(bytes: Uint8Array): Promise<Omit<Answer, 'done'>> {
  const start = process.cpuUsage();
  const failed = await read(bytes);
  const { user, system } = process.cpuUsage(start);
  return { failed, ms: (user + system) / 1000, bytes: high() - idle };
}

process.on('message', async (order: Order) => {
  const send = (answer: Answer) => process.send!(answer);
  if ('path' in order) {
    send({ ...(await judged(new Uint8Array(readFileSync(order.path)))), done: true });
    return;
  }
  for (let at = order.from; at < order.to; at++) {
    number.writeDoubleLE(at);
    writeSync(where, number, 0, 8, 0);
    const { bytes } = damagedCase(all, at);
    const answer = await judged(bytes);
    const full = answer.bytes > 2 ** 25;
    const wrong = answer.failed.length > 0 || answer.ms > Number(limitMs) / 4 || answer.bytes > 2 ** 26;
    if (wrong || full || at === order.to - 1)
      send({ ...answer, number: at, full, done: full || at === order.to - 1 });
    if (full) return;
    // Garbage of many small files is no memory of one.
    if (at % 500 === 0) (globalThis as { gc?: () => void }).gc?.();
  }
});
process.send!('ready');
