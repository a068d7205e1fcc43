// A daemon under tests/service/manager.c: what it tells its service manager, restarts, one thread stopped.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build, eventually } from '../../e2e/lib/stack.mjs';

export class Managed {
  constructor(name, args, { listen, watchdog, journal } = {}) {
    this.name = name;
    this.said = [];     // { at, word, text }
    this.output = '';
    const options = [...(listen ? ['--listen', String(listen)] : []), ...(watchdog ? ['--watchdog', String(watchdog)] : []), ...(journal ? ['--journal', '1'] : [])];
    this.child = spawn(process.env.SERVICE_MANAGER ?? path.join(build, 'tests/service/service_manager'), [...options, '--', path.join(build, name), ...args],
      { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, RUNTIME_DIRECTORY: '' } });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.output = (this.output + text).slice(-1_000_000); });
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const [, word, more] = line.match(/^(\S+) ?(.*)$/);
        this.said.push({ at: Date.now(), word, text: more });
      }
    });
    this.ended = new Promise((done) => this.child.on('exit', (code) => { this.over = true; done(code); }));
  }

  /** All that was said with this first word, or that notification. */
  all(word, pattern) { return this.said.filter((s) => s.word === word && (!pattern || pattern.test(s.text))); }
  notified(pattern) { return this.all('notify', pattern); }
  get pid() { return Number(this.all('started').at(-1).text); }

  /** Waits until there are count of them. */
  async heard(word, pattern, count = 1, options) {
    await eventually(`${this.name}: ${word} ${pattern ?? ''}`, () => {
      if (this.all(word, pattern).length >= count) return true;
      if (this.over) throw new Error(`the manager has ended: ${this.output.slice(-2000)}`);
      return false;
    }, { every: 5, ...options });
    return this.all(word, pattern)[count - 1];
  }

  command(line) { this.child.stdin.write(`${line}\n`); }

  /** SIGTERM, and a new one; its READY=1 is awaited. */
  async restart() {
    const before = this.notified(/READY=1/).length;
    this.command('restart');
    await this.heard('notify', /READY=1/, before + 1);
  }

  threads() { return fs.readdirSync(`/proc/${this.pid}/task`).map(Number); }

  async stop() {
    if (!this.over) this.child.stdin.end();
    return this.ended;
  }
}
