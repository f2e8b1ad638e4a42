/** A worker as a child process: one request at a time, JSON lines on its stdin and stdout (see worker.mjs). */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { MARK } from './worker.mjs';

/** Lines of a worker's stderr that are kept to say why it died. */
const KEPT_LINES = 20;

export class Worker {
  #child;
  #pending;
  #stderr = [];
  #ended;

  /** @param {string} command @param {string[]} args @param {{cwd?: string}} [options] */
  constructor(command, args, options = {}) {
    this.#child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.on('error', (error) => this.#end(error.message));
    this.#child.on('exit', (code, signal) => this.#end(`it ended with ${signal ?? `exit code ${code}`}`));
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      this.#stderr.push(line);
      if (this.#stderr.length > KEPT_LINES) this.#stderr.shift();
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (!line.startsWith(MARK)) return;
      const { error, result } = JSON.parse(line.slice(MARK.length));
      const pending = this.#pending;
      this.#pending = undefined;
      if (error === undefined) pending?.resolve(result);
      else pending?.reject(new Error(firstLine(error)));
    });
  }

  /**
   * @param {{do: string}} request
   * @param {number} seconds after which the worker is given up
   */
  ask(request, seconds = 300) {
    if (this.#ended) return Promise.reject(new Error(this.#ended));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        this.#end(`no answer to "${request.do}" in ${seconds} s`);
      }, seconds * 1000);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        how(value);
      };
      this.#pending = { resolve: settle(resolve), reject: settle(reject) };
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  get ended() {
    return this.#ended !== undefined;
  }

  /** A worker ends when its stdin does; by force where it hangs. */
  async close() {
    if (this.#ended) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await exited;
    clearTimeout(timer);
  }

  #end(reason) {
    if (this.#ended) return;
    const said = this.#stderr.findLast((line) => /error|cannot|not /i.test(line));
    this.#ended = said ? `${reason}: ${firstLine(said)}` : reason;
    this.#pending?.reject(new Error(this.#ended));
    this.#pending = undefined;
  }
}

function firstLine(text) {
  const line = text.trim().split('\n')[0];
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}
