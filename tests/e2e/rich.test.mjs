// Rich notifications: who joined is known from the notification alone, proved and decrypted; what cannot be proved is a plain hint and loses
// nothing; keys rotate with overlap; basic and rich are changed into each other.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually, request, sameSet } from './lib/stack.mjs';

const rich = (stack) => stack.control('GET', 'subscriptions').then(({ subscriptions }) => subscriptions.filter((s) => s.includeResourceData));

/** Calls that read members, of any team: there is one. */
async function memberReads(stack) {
  const { counts } = await stack.control('GET', 'requests?limit=1');
  return Object.entries(counts).filter(([template]) => /^GET .*\/members/.test(template)).reduce((sum, [, n]) => sum + n, 0);
}

/* A change that comes while its team is still being read is left to the next whole read. */
async function rest(stack) {
  await eventually('nothing waits to be read', async () => /^ergsync_dirty 0$/m.test((await request({ url: `http://127.0.0.1:${stack.adminPort}/metrics` })).text));
}

async function equal(stack, world) {
  await eventually('both sides are equal', async () => sameSet(await stack.membersByFeed(), await stack.membersInTeams(world.team.id)), { within: 60_000 });
}

async function restart(stack, config) {
  await stack.reconciler.kill();
  stack.writeConfig(config);
  await stack.startReconciler();
}

test('rich notifications', async (t) => {
  const stack = await Stack.make(t, { config: { graph: { notifications: 'rich' } } });
  await stack.startSim();
  await stack.startApp();
  stack.writeConfig();

  await t.test('without a key the reconciler says what to do; init makes one', async () => {
    const program = stack.spawn('ergsync-reconciler', ['--config', stack.file('ergsync.conf'), '--check'], { env: { RUNTIME_DIRECTORY: '' } });
    assert.equal((await program.ended).code, 1);
    assert.match(program.output, /ergsyncctl key notifications/);
    const init = await stack.ctl('init');
    assert.equal(init.code, 0, init.output);
    const [file] = fs.readdirSync(stack.file('notification-keys'));
    assert.match(file, /^k\d{8}-[0-9a-f]{4}\.pem$/);
    assert.equal(fs.statSync(stack.file(`notification-keys/${file}`)).mode & 0o777, 0o600);
    assert.equal((await stack.ctl('init')).code, 0);
    assert.equal(fs.readdirSync(stack.file('notification-keys')).length, 1, 'a second init makes no second key');
  });

  await stack.startListener();
  await stack.startReconciler();
  const world = await stack.world({ users: 40, members: 4 });
  await stack.link(world);
  await stack.inSync();
  const join = (i) => stack.control('POST', 'members', { op: 'add', team: world.team.id, user: world.users[i].id });
  const leave = (i) => stack.control('POST', 'members', { op: 'remove', team: world.team.id, user: world.users[i].id });

  await t.test('a join costs no read at all', async () => {
    await eventually('the subscription is rich', async () => (await rich(stack)).length === 1);
    /* The read that follows each new subscription is over. */
    await eventually('proved after that', async () => {
      const { proved_at: proved, subscriptions } = await stack.erg();
      if (!(Date.parse(proved) > Date.parse(subscriptions[0].renewed_at))) throw new Error(`${proved} ${subscriptions[0].renewed_at}`);
      return true;
    });
    await rest(stack);
    const before = await memberReads(stack);
    for (const i of [10, 11, 12]) {
      await join(i);
      await equal(stack, world);
      await rest(stack);
    }
    assert.equal(await memberReads(stack) - before, 0);
    const last = (await stack.received()).filter(({ event }) => event.type === 'ergsync.member.added').at(-1).event;
    assert.equal(last.data.entra_id, world.users[12].id);
    assert.equal(last.data.role, 'member');
  });

  await t.test('a removal is still confirmed by a read', async () => {
    const before = await memberReads(stack);
    await leave(10);
    await equal(stack, world);
    const reads = await memberReads(stack) - before;
    assert.ok(reads >= 1 && reads <= 2, `${reads} reads`);
  });

  await t.test('items of two tenants in one POST, a token for each: both are believed', async () => {
    const second = await stack.world({ users: 6, members: 3 });
    await stack.link(second, { tenantId: 'umbrella', erg: 'second' });
    await eventually('both subscriptions are rich', async () => (await rich(stack)).length === 2);
    await eventually('proved after that', async () => {
      const { proved_at: proved, subscriptions } = await stack.erg('second');
      if (!(Date.parse(proved) > Date.parse(subscriptions[0].renewed_at))) throw new Error(`${proved} ${subscriptions[0].renewed_at}`);
      return true;
    });
    await rest(stack);
    await stack.control('POST', 'settings', { notify_window_ms: 1000 });
    const before = await memberReads(stack);
    await Promise.all([join(13), stack.control('POST', 'members', { op: 'add', team: second.team.id, user: second.users[5].id })]);
    await eventually('both are told', async () => {
      const added = (await stack.received()).filter(({ event }) => event.type === 'ergsync.member.added').map(({ event }) => event.data.entra_id);
      return added.includes(world.users[13].id) && added.includes(second.users[5].id);
    });
    await rest(stack);
    assert.equal(await memberReads(stack) - before, 0);
    await stack.control('POST', 'settings', { notify_window_ms: 0 });
    assert.equal((await stack.api('DELETE', '/v1/tenants/umbrella')).status < 300, true);
    await eventually('one subscription is left', async () => (await rich(stack)).length === 1);
  });

  for (const [fault, name] of [[1, 'no validation tokens'], [2, 'a token by a foreign key'], [3, 'another publisher'], [4, 'data with a wrong signature']]) {
    await t.test(`${name}: a plain hint, nothing lost`, async () => {
      await stack.control('POST', 'settings', { rich_fault: fault });
      const before = await memberReads(stack);
      await join(20 + fault);
      await equal(stack, world);
      assert.ok(await memberReads(stack) > before, 'Graph was asked');
      await stack.control('POST', 'settings', { rich_fault: 0 });
    });
  }

  await t.test('a new key of the signer, and a new key of ours', async () => {
    await stack.control('POST', 'expire', { signer: true });
    await join(30);
    await equal(stack, world);
    const made = await stack.ctl('key', 'notifications');
    assert.equal(made.code, 0, made.output);
    const [, id] = made.output.match(/(k\d{8}-[0-9a-f]{4})\.pem/);
    stack.reconciler.child.kill('SIGHUP');
    await eventually('reloaded', () => /event=reloaded/.test(stack.reconciler.output));
    /* Still encrypted to the former one: renewals are 45 minutes apart. */
    await join(31);
    await equal(stack, world);
    await restart(stack, { graph: { notifications: 'rich' }, sync: { renew_every: '2s' } });
    await eventually('the subscription names the new key', async () => (await rich(stack))[0]?.encryptionCertificateId === id, { within: 30_000 });
  });

  await t.test('back to basic, and to rich again: the subscription is replaced', async () => {
    const [{ id }] = await rich(stack);
    await restart(stack, { graph: { notifications: 'basic' } });
    await eventually('basic', async () => {
      const { subscriptions } = await stack.control('GET', 'subscriptions');
      return subscriptions.length === 1 && !subscriptions[0].includeResourceData && subscriptions[0].id !== id;
    }, { within: 30_000 });
    await join(33);
    await equal(stack, world);
    await restart(stack, { graph: { notifications: 'rich' } });
    await eventually('rich', async () => (await rich(stack)).length === 1, { within: 30_000 });
    await join(34);
    await equal(stack, world);
  });

  await t.test('no name, id or mail of theirs is in a log or a metric', async () => {
    const metrics = (await request({ url: `http://127.0.0.1:${stack.adminPort}/metrics` })).text;
    for (const user of world.users)
      for (const text of [user.id, user.upn])
        for (const output of [stack.listener.output, stack.reconciler.output, metrics]) assert.ok(!output.includes(text));
  });
});
