// Another state key while everything runs, also through a kill in the middle; and a tenant that is removed with a receipt.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Stack, eventually, request } from './lib/stack.mjs';

test('the state key changes while the daemons run', { timeout: 240_000 }, async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 60, members: 50 });
  await stack.link(world);
  await stack.inSync();
  const key = () => fs.readFileSync(stack.file('state.key'), 'utf8');
  const first = key();

  await t.test('by one command', async () => {
    const done = await stack.ctl('key', 'rotate');
    assert.equal(done.code, 0, done.output);
    assert.match(done.output, /sealed with the new key/);
    assert.notEqual(key(), first);
    assert.equal(key().trim().split('\n').length, 1);
    assert.equal(fs.statSync(stack.file('state.key')).mode & 0o777, 0o600);
    const check = await stack.ctl('state', 'check');
    assert.equal(check.code, 0, check.output);
    fs.writeFileSync(stack.file('first.key'), first, { mode: 0o600 });
    const former = await stack.ctl('state', 'check', '--key-file', stack.file('first.key'));
    assert.equal(former.code, 1);
    assert.match(former.output, /not the one this store was sealed with/);
  });

  await t.test('killed in between, and gone on with', async () => {
    const second = key();
    const running = stack.ctl('key', 'rotate');
    await eventually('the key file names both', () => key().trim().split('\n').length === 2, { every: 1 });
    await stack.reconciler.kill('SIGKILL');
    const interrupted = await running;
    if (interrupted.code !== 0) {
      assert.match(interrupted.output, /run this again/);
      assert.equal(key().trim().split('\n')[1], second.trim());
    }
    await stack.startReconciler();
    const done = await stack.ctl('key', 'rotate');
    assert.equal(done.code, 0, done.output);
    assert.notEqual(key(), second);
    assert.equal(key().trim().split('\n').length, 1);
    const check = await stack.ctl('state', 'check');
    assert.equal(check.code, 0, check.output);
  });

  await t.test('a daemon that does not see the new key says what to do', async () => {
    const answer = await stack.api('POST', '/v1/keys/rotate', { check: '0'.repeat(32) });
    assert.equal(answer.status, 409);
    assert.match(answer.json.detail, /restart ergsync-reconciler/);
  });

  await t.test('a wrong key is refused at the start, and the state stays where it is', async () => {
    await stack.reconciler.kill();
    const right = key();
    fs.writeFileSync(stack.file('state.key'), first);
    const refused = stack.spawn('ergsync-reconciler', ['--config', stack.file('ergsync.conf')], { env: { RUNTIME_DIRECTORY: '' } });
    assert.equal((await refused.ended).code, 1);
    assert.match(refused.output, /not the one this store was sealed with/);
    assert.deepEqual(fs.readdirSync(stack.file('state')).sort(), ['inbox', 'state']);
    fs.writeFileSync(stack.file('state.key'), right);
    await stack.startReconciler();
    await stack.inSync();
  });
});

test('a removed tenant leaves a receipt, and nothing else', { timeout: 240_000 }, async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const gone = await stack.world({ users: 20, members: 15 }), stays = await stack.world({ users: 20, members: 10 });
  await stack.link(gone, { tenantId: 'gone', erg: 'gone-erg' });
  await stack.link(stays, { tenantId: 'stays', erg: 'stays-erg' });
  await stack.inSync('gone-erg');
  await stack.inSync('stays-erg');

  const removed = await stack.ctl('tenant', 'remove', 'gone', '--yes');
  assert.equal(removed.code, 0, removed.output);
  assert.match(removed.output, /Receipt 1\n +1 {2}ERGs\n +15 {2}memberships\n +15 {2}people\n/);
  assert.match(removed.output, /1 {2}subscriptions/);
  assert.match(removed.output, /the keys of it were destroyed at \d{4}-/);
  assert.equal((await stack.api('GET', '/v1/tenants/gone')).status, 404);
  const receipt = (await stack.api('GET', '/v1/receipts/1')).json;
  assert.equal(receipt.state, 'done');
  assert.ok(!JSON.stringify(receipt).includes('gone'));
  assert.equal((await stack.api('GET', '/v1/receipts/2')).status, 404);
  assert.equal((await stack.ctl('receipt', 'show', '1')).output, removed.output);

  const subscriptions = (await stack.control('GET', 'subscriptions')).subscriptions;
  assert.deepEqual(subscriptions.map((s) => s.tenant ?? stays.tenant), [stays.tenant]);
  for (const folder of ['state', 'inbox']) {
    for (const name of fs.readdirSync(path.join(stack.file('state'), folder))) {
      const bytes = fs.readFileSync(path.join(stack.file('state'), folder, name), 'latin1');
      for (const u of gone.users) assert.ok(!bytes.includes(u.id) && !bytes.includes(u.upn), name);
    }
  }
  await stack.inSync('stays-erg');
  const check = await stack.ctl('state', 'check');
  assert.equal(check.code, 0, check.output);
  assert.equal((await request({ url: `http://127.0.0.1:${stack.adminPort}/readyz` })).status, 200);
});
