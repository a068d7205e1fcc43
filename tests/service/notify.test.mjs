// What the daemons tell systemd: ready only when they serve, how they are, that they reload and stop; and they feed the watchdog only
// while each of their threads gets on.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
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
