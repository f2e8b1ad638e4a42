/**
 * A restricted unpickler: a stack machine that builds plain values only. It calls nothing: a global is looked up in the
 * caller's table, and what a table entry makes of its arguments is data. Opcodes: Python's pickletools, protocols 0 to 5,
 * less the extension registry and out-of-band buffers.
 */

import { PickleReader } from './pickle-reader.js';
import { Opaque, PickleError, PyGlobal, PyObject, PyTuple, type PyValue } from './pickle-values.js';

export interface PickleHost {
  /** Whether Python 2's byte strings are kept as bytes; else they are text. */
  readonly keepsBytes?: boolean;
  /** Looks up a global by its full name; throws where the file must be refused. */
  global(name: string): PyGlobal | Opaque;
  /** Resolves a persistent id. */
  persistent(id: PyValue): PyValue;
}

/**
 * Limit on the memory of what a pickle makes: an opcode of one byte makes a dict of some 200, a reference of two bytes passes a
 * list of any length to a class. Honest pickles stay far below.
 */
const BYTES_PER_PICKLE_BYTE = 8;
const FREE_BYTES = 2 ** 25;
/** Limits on the time of it: the checkpoint of a net of 10,000 tensors, with its optimizer, has a quarter of these. */
const MOST_ITEMS = 2 ** 18;
const MOST_MEMO = 2 ** 19;
const COST = { global: 1024, dict: 256, list: 64, reference: 64 } as const;

const MARK = Symbol('mark');
type Slot = PyValue | typeof MARK;

/** Reads one pickle that begins at `start`; returns its value and the position after its STOP. */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  host: PickleHost,
): { value: PyValue; end: number } {
  const reader = new PickleReader(bytes, start, host.keepsBytes);
  const value = new Machine(reader, host).run();
  return { value, end: reader.position };
}

class Machine {
  private readonly stack: Slot[] = [];
  private readonly memo = new Map<number, PyValue>();
  private budget: number;
  private items = 0;

  constructor(
    private readonly reader: PickleReader,
    private readonly host: PickleHost,
  ) {
    this.budget = BYTES_PER_PICKLE_BYTE * reader.length + FREE_BYTES;
  }

  run(): PyValue {
    for (;;) {
      const at = this.reader.position;
      const opcode = String.fromCharCode(this.reader.u8());
      if (opcode === '.') return this.pop();
      const constant = this.reader.constant(opcode);
      if (constant !== undefined) this.push(constant);
      else if (!this.framing(opcode) && !this.collection(opcode) && !this.object(opcode)) {
        const code = opcode.charCodeAt(0).toString(16).padStart(2, '0');
        throw new PickleError(`unsupported pickle opcode 0x${code} at byte ${at} (damaged file?)`);
      }
    }
  }

  private push(value: PyValue): true {
    this.stack.push(value);
    return true;
  }

  private spend(bytes: number): void {
    this.budget -= bytes;
    if (this.budget < 0)
      throw new PickleError('the pickle makes more objects than a file of its size needs (hostile file?)');
  }

  /** Honest pickles name each global once. */
  private pushGlobal(name: string): true {
    this.spend(COST.global);
    return this.push(this.host.global(name));
  }

  private pushDict(): true {
    this.spend(COST.dict);
    return this.push(new Map());
  }

  private pushList(items: PyValue[]): true {
    this.spend(COST.list);
    return this.push(items);
  }

  private pushTuple(items: readonly PyValue[]): true {
    this.spend(COST.list);
    return this.push(new PyTuple(items));
  }

  /** What a class or function makes of its arguments: at most a dict of a list of items. */
  private pushCall(callable: PyValue, args: PyValue): true {
    this.spend(COST.dict);
    for (const arg of args instanceof PyTuple ? args.items : [])
      if (Array.isArray(arg)) this.spend(COST.list * arg.length);
    return this.push(apply(callable, args));
  }

  private pop(): PyValue {
    const value = this.stack.pop();
    if (value === undefined || value === MARK)
      throw new PickleError('the pickle takes from an empty stack (damaged file?)');
    return value;
  }

  private top(): PyValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  private popToMark(): PyValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw new PickleError('the pickle has no mark to return to (damaged file?)');
    const items = this.stack.splice(mark).slice(1);
    return items as PyValue[];
  }

  /** Opcodes that say nothing of the value. */
  private framing(opcode: string): boolean {
    if (opcode === '\x80')
      this.reader.u8(); // PROTO
    else if (opcode === '\x95')
      this.reader.u64(); // FRAME
    else return false;
    return true;
  }

  /** Opcodes of the stack, the memo and the containers. */
  private collection(opcode: string): boolean {
    switch (opcode) {
      case '(':
        this.stack.push(MARK);
        return true;
      case '0': // POP, which may also take a mark
        if (this.stack.pop() === undefined)
          throw new PickleError('the pickle takes from an empty stack (damaged file?)');
        return true;
      case '1': // POP_MARK
        this.popToMark();
        return true;
      case '2': // DUP
        return this.push(this.top());
      case 'q':
        return this.put(this.reader.u8());
      case 'r':
        return this.put(this.reader.u32());
      case 'p':
        return this.put(Number(this.reader.line()));
      case '\x94': // MEMOIZE
        return this.put(this.memo.size);
      case 'h':
        return this.get(this.reader.u8());
      case 'j':
        return this.get(this.reader.u32());
      case 'g':
        return this.get(Number(this.reader.line()));
      case ')':
        return this.pushTuple([]);
      case 't':
        return this.pushTuple(this.popToMark());
      case '\x85':
      case '\x86':
      case '\x87': {
        const count = opcode.charCodeAt(0) - 0x84;
        const items = Array.from({ length: count }, () => this.pop()).reverse();
        return this.pushTuple(items);
      }
      case ']':
        return this.pushList([]);
      case 'l':
        return this.pushList(this.popToMark());
      case '}':
        return this.pushDict();
      case 'd': {
        const items = this.popToMark();
        this.pushDict();
        return this.setItems(items);
      }
      case '\x8f': // EMPTY_SET: a list will do for what nobody looks at
        return this.pushList([]);
      case '\x91': // FROZENSET
        return this.pushList(this.popToMark());
      case 'a': {
        const item = this.pop();
        return this.append([item]);
      }
      case 'e':
      case '\x90': // ADDITEMS
        return this.append(this.popToMark());
      case 's': {
        const value = this.pop();
        return this.setItems([this.pop(), value]);
      }
      case 'u':
        return this.setItems(this.popToMark());
      default:
        return false;
    }
  }

  /** Opcodes that in Python would import or call something. */
  private object(opcode: string): boolean {
    switch (opcode) {
      case 'c': {
        const module = this.reader.line();
        return this.pushGlobal(`${module}.${this.reader.line()}`);
      }
      case '\x93': {
        const name = this.pop();
        const module = this.pop();
        if (typeof module !== 'string' || typeof name !== 'string')
          throw new PickleError('a global has no name');
        return this.pushGlobal(`${module}.${name}`);
      }
      case 'R': // REDUCE
      case '\x81': {
        const args = this.pop();
        return this.pushCall(this.pop(), args);
      }
      case '\x92': {
        // NEWOBJ_EX: keyword arguments only occur for classes that are unknown here
        this.pop();
        const args = this.pop();
        return this.pushCall(this.pop(), args);
      }
      case 'i': {
        const module = this.reader.line();
        const global = this.host.global(`${module}.${this.reader.line()}`);
        return this.pushCall(global, new PyTuple(this.popToMark()));
      }
      case 'o': {
        const [global, ...args] = this.popToMark();
        return this.pushCall(global ?? null, new PyTuple(args));
      }
      case 'b': {
        const state = this.pop();
        const target = this.top();
        // The attributes of a dict (`_metadata`) and of unknown objects are of no use here.
        if (target instanceof PyObject) target.setState(state);
        return true;
      }
      case 'Q':
        return this.push(this.host.persistent(this.pop()));
      case 'P':
        return this.push(this.host.persistent(this.reader.line()));
      default:
        return false;
    }
  }

  private put(index: number): true {
    this.spend(COST.reference);
    this.memo.set(index, this.top());
    if (this.memo.size > MOST_MEMO)
      throw new PickleError(`the pickle has more than ${MOST_MEMO} memo entries (hostile file?)`);
    return true;
  }

  private get(index: number): true {
    const value = this.memo.get(index);
    if (value === undefined)
      throw new PickleError(`the pickle refers to an unknown memo entry ${index} (damaged file?)`);
    return this.push(value);
  }

  private append(items: readonly PyValue[]): true {
    const target = this.top();
    if (Array.isArray(target)) for (const item of items) target.push(item);
    else if (!(target instanceof Opaque))
      throw new PickleError('the pickle appends to what is no list (damaged file?)');
    return true;
  }

  private setItems(items: readonly PyValue[]): true {
    const target = this.top();
    if (target instanceof Opaque) return true;
    if (!(target instanceof Map) || items.length % 2)
      throw new PickleError('the pickle sets items of what is no dict (damaged file?)');
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      // As Python, which cannot hash them; their text could be of any length.
      if (Array.isArray(key) || key instanceof Map)
        throw new PickleError('the pickle has a list or a dict as a key (damaged or hostile file?)');
      this.spend(COST.reference);
      if (++this.items > MOST_ITEMS)
        throw new PickleError(`the pickle has more than ${MOST_ITEMS} items in dicts (hostile file?)`);
      target.set(key, items[i + 1]!);
    }
    return true;
  }
}

function apply(callable: PyValue, args: PyValue): PyValue {
  if (callable instanceof Opaque) return new Opaque(callable.name);
  if (!(callable instanceof PyGlobal) || !(args instanceof PyTuple)) {
    throw new PickleError('the pickle calls what is no known class or function (damaged or hostile file)');
  }
  return callable.call(args.items);
}
