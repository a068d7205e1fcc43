// What the daemons tell systemd: ready only when they serve, how they are, that they reload and stop; and they feed the watchdog only
// while each of their threads gets on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { memberItem } from '../e2e/lib/poster.mjs';
import { Stack, request, sleep } from '../e2e/lib/stack.mjs';
import { Managed } from './lib/manager.mjs';

const WATCHDOG_MS = 1000;

async function prepare(t) {
  const stack = await Stack.make(t);
  await stack.startSim();
  await stack.startApp();
  stack.writeConfig();
  const managed = (name, options) => {
    const m = new Managed(name, ['--config', stack.file('ergsync.conf')], options);
    t.after(() => m.stop());
    return m;
  };
  return { stack, managed };
}

test('READY, STATUS, RELOADING, STOPPING of both', async (t) => {
  const { stack, managed } = await prepare(t);
  const listener = managed('ergsync-listener', { listen: stack.publicPort });
  await listener.heard('notify', /READY=1/);
  assert.equal((await stack.public('GET', '/healthz')).status, 200, 'ready means that it serves');
  const reconciler = managed('ergsync-reconciler');
  await reconciler.heard('notify', /READY=1/);
  assert.equal((await stack.api('GET', '/v1/status')).status, 200);
  assert.equal((await request({ url: `http://127.0.0.1:${stack.adminPort}/readyz` })).status, 200);
  assert.match(reconciler.notified(/READY|EXTEND/)[0].text, /^EXTEND_TIMEOUT_USEC=60000000$/, 'reading what is stored may take its time');
  for (const daemon of [listener, reconciler]) {
    assert.match(daemon.notified(/READY=1/)[0].text, /STATUS=\S/, `${daemon.name} says how it is`);
    daemon.command('signal 1');
    await daemon.heard('notify', /RELOADING=1/);
    await daemon.heard('notify', /READY=1/, 2);
    const [reloading] = daemon.notified(/RELOADING=1/);
    assert.match(reloading.text, /MONOTONIC_USEC=\d+/);
    assert.ok(daemon.said.indexOf(reloading) < daemon.said.indexOf(daemon.notified(/READY=1/)[1]), 'reloading, then ready');
    assert.equal(daemon.notified(/WATCHDOG=1/).length, 0, 'no watchdog was asked for');
  }
  // A reload with a mistake: ready again, with what was before.
  fs.appendFileSync(stack.file('ergsync.conf'), '[nonsense]\n');
  for (const daemon of [listener, reconciler]) {
    daemon.command('signal 1');
    await daemon.heard('notify', /READY=1/, 3);
  }
  assert.equal((await stack.public('GET', '/healthz')).status, 200);
  for (const daemon of [reconciler, listener]) {
    daemon.command('stop');
    await daemon.heard('exited', /^0$/);
    assert.equal(daemon.notified(/STOPPING=1/).length, 1);
  }
});

test('a daemon that cannot start never says that it is ready', async (t) => {
  const { stack, managed } = await prepare(t);
  fs.writeFileSync(stack.file('intake.key'), 'not a key\n');
  for (const name of ['ergsync-listener', 'ergsync-reconciler']) {
    const daemon = managed(name, { watchdog: WATCHDOG_MS });
    await daemon.heard('exited', /^[12]$/);
    assert.deepEqual(daemon.notified(/READY|WATCHDOG/), []);
  }
});

for (const name of ['ergsync-listener', 'ergsync-reconciler']) {
  test(`${name}: no thread can stop without the watchdog going hungry`, async (t) => {
    const { stack, managed } = await prepare(t);
    const daemon = managed(name, { watchdog: WATCHDOG_MS, ...(name === 'ergsync-listener' ? { listen: stack.publicPort } : {}) });
    await daemon.heard('notify', /READY=1/);
    const pings = () => daemon.notified(/WATCHDOG=1/).length;
    await daemon.heard('notify', /WATCHDOG=1/, 3);
    const threads = daemon.threads();
    for (const thread of threads) {
      daemon.command(`freeze ${thread}`);
      const { at } = await daemon.heard('frozen', new RegExp(`^${thread}$`));
      // One ping may have been under way, or earned before; the period begins with it. Then none.
      await sleep(WATCHDOG_MS);
      const early = pings();
      await sleep(2 * WATCHDOG_MS);
      assert.equal(pings(), early, `a ping ${Date.now() - at} ms after thread ${threads.indexOf(thread) + 1} of ${threads.length} stopped`);
      daemon.command(`thaw ${thread}`);
      await daemon.heard('thawed', new RegExp(`^${thread}$`));
      await daemon.heard('notify', /WATCHDOG=1/, early + 2);
    }
    t.diagnostic(`${threads.length} threads, each stopped once`);
    daemon.command('stop');
    await daemon.heard('exited', /^0$/);
  });
}

/** A small file system of its own, which can be frozen: writes and syncs to it then wait, as on a disk that hangs. */
class Disk {
  constructor() {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ergsync-disk-'));
    this.mounted = path.join(this.folder, 'mnt');
    fs.mkdirSync(this.mounted);
    fs.writeFileSync(path.join(this.folder, 'image'), '');
    fs.truncateSync(path.join(this.folder, 'image'), 96 << 20);
  }
  run(program, ...args) { execFileSync(program, args, { stdio: 'pipe', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } }); }
  mount() {
    try {
      this.run('mkfs.ext4', '-q', path.join(this.folder, 'image'));
      this.run('mount', '-o', 'loop', path.join(this.folder, 'image'), this.mounted);
      this.is = true;
    } catch { /* no right, or no loop device: told by the test */ }
    return this.is;
  }
  freeze() { this.run('fsfreeze', '-f', this.mounted); this.frozen = true; }
  thaw() { if (this.frozen) this.run('fsfreeze', '-u', this.mounted); this.frozen = false; }
  remove() {
    if (this.is) this.run('umount', this.mounted);
    fs.rmSync(this.folder, { recursive: true });
  }
}

test('a disk that hangs: no ping, no 202, and all goes on once it is back', async (t) => {
  const { stack, managed } = await prepare(t);
  const disk = new Disk();
  const daemons = [];
  try {
    if (!disk.mount()) {
      console.log('SKIPPED: no right to mount a small file system here; run as root to prove the blocked sync');
      t.skip('cannot mount');
      return;
    }
    stack.writeConfig({ state: { directory: disk.mounted, key_file: 'state.key', intake_key_file: 'intake.key', runtime_directory: 'run', map_size: '64MiB' } });
    const listener = managed('ergsync-listener', { listen: stack.publicPort, watchdog: WATCHDOG_MS });
    daemons.push(listener);
    await listener.heard('notify', /READY=1/);
    const reconciler = managed('ergsync-reconciler', { watchdog: WATCHDOG_MS });
    daemons.push(reconciler);
    await reconciler.heard('notify', /READY=1/);
    const world = await stack.world({ users: 6, members: 3 });
    await stack.link(world);
    await stack.inSync();
    const [subscription] = (await stack.control('GET', 'subscriptions')).subscriptions;
    for (const daemon of daemons) await daemon.heard('notify', /WATCHDOG=1/, 2);

    disk.freeze();
    let answered = false;
    const waiting = [
      stack.public('POST', '/graph/notifications', { value: [memberItem(subscription, world.tenant, world.team.id, 'm1')] }).then((a) => { answered = answered || a.status === 202; }, () => undefined),
      stack.api('PUT', '/v1/tenants/other', { directory_id: world.tenant, organizer: world.users[1].upn }).then((a) => { answered = answered || a.status < 300; return a; }),
    ];
    await sleep(WATCHDOG_MS);
    const early = daemons.map((d) => d.notified(/WATCHDOG=1/).length);
    await sleep(2 * WATCHDOG_MS);
    assert.equal(answered, false, 'nothing is acknowledged that is not on disk');
    assert.deepEqual(daemons.map((d) => d.notified(/WATCHDOG=1/).length), early, 'no ping while a sync is blocked');
    disk.thaw();
    await Promise.all(waiting);
    for (const [i, daemon] of daemons.entries()) await daemon.heard('notify', /WATCHDOG=1/, early[i] + 2);
    assert.equal((await stack.public('POST', '/graph/notifications', { value: [memberItem(subscription, world.tenant, world.team.id, 'm2')] })).status, 202);
    for (const daemon of [...daemons].reverse()) {
      daemon.command('stop');
      await daemon.heard('exited', /^0$/);
    }
  } finally {
    disk.thaw();
    for (const daemon of daemons) await daemon.stop();
    disk.remove();
  }
});
