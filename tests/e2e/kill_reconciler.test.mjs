// SIGKILL the reconciler again and again while people come and go and the app stumbles: no change lost, no callback lost,
// webhook-ids stable, repeated deliveries byte-identical.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, eventually, random, sameSet, sleep } from './lib/stack.mjs';

const rounds = Number(process.env.ERGSYNC_KILLS ?? 200);

test(`${rounds} kills of the reconciler lose no change and no callback`, async (t) => {
  // People come and go here as they never would: the guard against mass removals has its own tests.
  const stack = await Stack.make(t, { config: { sync: { removal_percent: '100' } } });
  await stack.start();
  const world = await stack.world({ users: 30, members: 10 });
  await stack.link(world);
  await stack.inSync();

  const inTeam = new Set(world.users.slice(0, 10).map((u) => u.id));
  for (let i = 0; i < rounds; i++) {
    for (let k = 0; k < 1 + random(2); k++) {
      const user = world.users[2 + random(28)].id;
      const op = inTeam.has(user) ? 'remove' : 'add';
      await stack.control('POST', 'members', { op, team: world.team.id, user });
      if (op === 'add') inTeam.add(user); else inTeam.delete(user);
    }
    if (random(8) === 0 && i % 20 < 10) await stack.appAnswers({ status: [500, 503, 429][random(3)], count: 1 });
    if (i % 20 === 19) {   // each stumble costs a back-off: let the app catch up now and then
      await eventually('the app has caught up', async () => (await stack.api('GET', '/v1/status')).json.callbacks.backlog === 0, { within: 120_000 });
    }
    await sleep(random(120));
    await stack.reconciler.kill('SIGKILL');
    await stack.startReconciler();
  }
  await stack.inSync('pride', { within: 120_000 });
  await eventually('the feed agrees with Teams', async () => sameSet(await stack.membersByFeed(), await stack.membersInTeams(world.team.id)), { within: 120_000, every: 200 });
  await eventually('every callback was delivered', async () => (await stack.api('GET', '/v1/status')).json.callbacks.backlog === 0, { within: 300_000, every: 200 });

  const feed = await stack.feed();
  const received = await stack.received();
  const accepted = new Map();
  for (const c of received) {
    assert.ok(c.verified, c.why);
    if (accepted.has(c.id)) assert.equal(c.body, accepted.get(c.id), 'a repeated delivery is byte-identical');
    accepted.set(c.id, c.body);
  }
  assert.equal(new Set(feed.map((e) => e.id)).size, feed.length);
  for (const entry of feed) assert.ok(accepted.has(entry.id), `feed entry ${entry.seq} was never delivered`);
  assert.equal(accepted.size, feed.length, 'nothing was delivered that the feed does not show');
  const last = new Map();
  for (const entry of feed) {
    if (entry.type === 'ergsync.member.updated') continue;
    assert.notEqual(last.get(entry.data.entra_id), entry.type, 'joins and leaves alternate');
    last.set(entry.data.entra_id, entry.type);
  }
  const journal = await stack.control('GET', 'journal');
  // A killed process forgets what it called a moment ago, so the rate of one team may be passed; nothing else may.
  const worse = journal.entries.filter((e) => e.violation && e.kind !== 'throttled' && e.kind !== 'too_early');
  assert.deepEqual(worse, []);
  console.log(`${feed.length} changes, ${received.length} deliveries, ${rounds} kills`);
});
