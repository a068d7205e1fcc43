// A backup under load, restored elsewhere: both sides stay as they are. A stale one: nobody is removed, whatever it says.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually, random, runProgram, sameSet, sleep } from './lib/stack.mjs';

const MEMBERS = 40;

async function setOf(stack, team) { return stack.membersInTeams(team); }
const removals = async (stack) => (await stack.received()).filter(({ event }) => event.type === 'ergsync.member.removed').length;
const asked = async (stack) => Object.entries((await stack.control('GET', 'requests?limit=1')).counts ?? {})
  .filter(([template]) => /members\/remove$|^DELETE .*members/.test(template)).reduce((n, [, count]) => n + count, 0);

/** All that happened has been told, and both sides agree on it. */
async function settled(stack, team) {
  await eventually('all is told', async () => sameSet(await stack.membersByFeed(), await setOf(stack, team)));
  return stack.inSync();
}

/** A configuration like the stack's with its state elsewhere; gives how to run ergsyncctl on it, and how to start on it. */
function elsewhere(stack, name) {
  const file = stack.file(`${name}.conf`);
  fs.mkdirSync(stack.file(name), { mode: 0o700 });
  fs.writeFileSync(file, fs.readFileSync(stack.file('ergsync.conf'), 'utf8').replace('directory = state\n', `directory = ${name}\n`));
  return {
    ctl: (...args) => runProgram('ergsyncctl', ['--config', file, ...args], { env: { RUNTIME_DIRECTORY: '', NO_COLOR: '1' } }),
    use: () => fs.copyFileSync(file, stack.file('ergsync.conf')),
  };
}

test('backups', { timeout: 300_000 }, async (t) => {
  const stack = await Stack.make(t, { config: { sync: { removal_limit: 100 } } });
  await stack.start();
  const world = await stack.world({ users: 80, members: MEMBERS });
  await stack.link(world);
  await stack.inSync();
  const people = world.users.map((u) => u.id);
  const outside = people.slice(MEMBERS), inside = people.slice(1, MEMBERS);
  let stop = false, moves = 0;
  const load = (async () => {
    while (!stop) {
      const from = random(2) && outside.length ? outside : inside;
      const user = from.splice(random(from.length), 1)[0];
      (from === outside ? inside : outside).push(user);
      await stack.control('POST', 'members', { op: from === outside ? 'add' : 'remove', team: world.team.id, user, role: 'member' });
      moves++;
      await sleep(5);
    }
  })();

  await t.test('made and verified under load', async () => {
    for (let i = 0; i < 5; i++) {
      const made = await stack.ctl('backup', stack.file('backup'), '--json');
      assert.equal(made.code, 0, made.output);
      const { records, digest } = JSON.parse(made.output);
      assert.ok(records > MEMBERS && /^[0-9a-f]{64}$/.test(digest));
      const check = await stack.ctl('state', 'check', stack.file('backup'), '--json');
      assert.equal(check.code, 0, check.output);
      assert.equal(JSON.parse(check.output).records, records);
    }
    const live = await stack.ctl('state', 'check');
    assert.equal(live.code, 0, live.output);
    assert.match(live.output, /MEMBERS .* 0\n/);
    assert.equal(fs.statSync(stack.file('backup')).mode & 0o777, 0o600);
    const text = fs.readFileSync(stack.file('backup'), 'latin1');
    for (const u of world.users) assert.ok(!text.includes(u.id) && !text.includes(u.upn));
    stop = true;
    await load;
    assert.ok(moves > 50, `${moves} changes meanwhile`);
  });

  await t.test('refused over a live store, and over one that is there', async () => {
    const live = await stack.ctl('restore', stack.file('backup'), '--set-aside');
    assert.equal(live.code, 1);
    assert.match(live.output, /stop ergsync-reconciler first/);
    await settled(stack, world.team.id);
    const last = await stack.ctl('backup', stack.file('backup'));
    assert.equal(last.code, 0, last.output);
    await stack.reconciler.kill();
    const there = await stack.ctl('restore', stack.file('backup'));
    assert.equal(there.code, 1);
    assert.match(there.output, /--set-aside/);
  });

  await t.test('restored elsewhere: both sides stay as they are', async () => {
    const before = await setOf(stack, world.team.id), told = await removals(stack), done = await asked(stack);
    const other = elsewhere(stack, 'other');
    const restored = await other.ctl('restore', stack.file('backup'));
    assert.equal(restored.code, 0, restored.output);
    const original = fs.readFileSync(stack.file('ergsync.conf'));
    other.use();
    await stack.startReconciler();
    await eventually('trusted again', async () => {
      const { store } = (await stack.api('GET', '/v1/status')).json;
      assert.ok(store.restored_at);
      return store.additions_only === 0;
    });
    const erg = await stack.inSync();
    assert.ok(erg.proved_at);
    assert.ok(sameSet(await setOf(stack, world.team.id), before));
    assert.equal(await removals(stack), told);
    assert.equal(await asked(stack), done);
    const subscriptions = (await stack.control('GET', 'subscriptions')).subscriptions;
    assert.equal(subscriptions.length, 1, 'the one there was, adopted');
    await stack.reconciler.kill();
    fs.writeFileSync(stack.file('ergsync.conf'), original);
  });

  await t.test('a stale backup removes nobody', async () => {
    await stack.startReconciler();
    await stack.inSync();
    // Since the backup: ten left in Teams, one by one, ten joined there; all of it told to the app and agreed on.
    for (const user of inside.splice(0, 10)) await stack.control('POST', 'members', { op: 'remove', team: world.team.id, user });
    for (const user of outside.splice(0, 10)) {
      await stack.control('POST', 'members', { op: 'add', team: world.team.id, user, role: 'member' });
      inside.push(user);
    }
    const now = await setOf(stack, world.team.id);
    await settled(stack, world.team.id);
    await stack.reconciler.kill();
    const told = await removals(stack), done = await asked(stack);
    const restored = await stack.ctl('restore', stack.file('backup'), '--set-aside', '--json');
    assert.equal(restored.code, 0, restored.output);
    assert.ok(fs.existsSync(JSON.parse(restored.output).set_aside));
    await stack.startReconciler();
    const erg = await eventually('held', async () => { const e = await stack.erg(); return e.state === 'held' && e; });
    assert.match(erg.detail, /outdated/);
    await sleep(5000);
    assert.ok(sameSet(await setOf(stack, world.team.id), now));
    assert.equal(await removals(stack), told);
    assert.equal(await asked(stack), done);
    const status = await stack.ctl('status');
    assert.match(status.output, /additions only/);
    const ready = await fetch(`http://127.0.0.1:${stack.adminPort}/readyz`);
    assert.equal(ready.status, 200);
    assert.match(await ready.text(), /additions only/);

    // The app's own list ends it: those ten are in neither, and nobody had to be removed for that.
    const members = [...now].map((id) => ({ user: `p-${id}`, entra_id: id, role: id === world.users[0].id ? 'owner' : 'member' }));
    assert.equal((await stack.api('PUT', '/v1/ergs/pride/members', { members })).status, 202);
    await eventually('trusted again', async () => (await stack.api('GET', '/v1/status')).json.store.additions_only === 0);
    await stack.inSync();
    assert.ok(sameSet(await setOf(stack, world.team.id), now));
    assert.equal(await removals(stack), told);
    assert.equal(await asked(stack), done);
  });
});
