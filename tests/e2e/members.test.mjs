// Membership both ways, through real processes: what the app says reaches Teams once and without echo, and never too much.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, eventually, random, sameSet, sleep } from './lib/stack.mjs';

const templates = {
  single: 'POST /teams/{team}/members', bulkAdd: 'POST /teams/{team}/members/add', bulkRemove: 'POST /teams/{team}/members/remove',
  remove: 'DELETE /teams/{team}/members/{member}', role: 'PATCH /teams/{team}/members/{member}',
};
const requests = async (stack) => (await stack.control('GET', 'requests?limit=1')).counts;
const writes = (counts) => Object.values(templates).reduce((sum, t) => sum + (counts[t] ?? 0), 0);
const memberEvents = async (stack, erg = 'pride') => (await stack.feed()).filter((e) => e.type.startsWith('ergsync.member.') && e.data.erg === erg);
const put = async (stack, user, body, erg = 'pride') => {
  const answer = await stack.api('PUT', `/v1/ergs/${erg}/members/${user}`, body);
  assert.equal(answer.status, 202, answer.text);
  return answer.json;
};
const remove = async (stack, user, erg = 'pride') => assert.equal((await stack.api('DELETE', `/v1/ergs/${erg}/members/${user}`)).status, 202);
const member = async (stack, user, erg = 'pride') => (await stack.api('GET', `/v1/ergs/${erg}/members/${user}`)).json;
const status = (stack, user, wanted, erg) => eventually(`${user} is ${wanted}`, async () => {
  const m = await member(stack, user, erg);
  if (m.status !== wanted) throw new Error(JSON.stringify(m));
  return m;
});
/** The app names all that it was told of, by its own ids, in one list. */
async function nameAll(stack, team, users, erg = 'pride') {
  const inTeams = (await stack.control('GET', `members?team=${team.id}`)).members;
  const members = inTeams.map((m) => ({ user: `app-${m.user}`, entra_id: m.user, role: m.role }));
  const answer = await stack.api('PUT', `/v1/ergs/${erg}/members`, { members });
  assert.equal(answer.status, 202, answer.text);
  assert.equal(answer.json.removed, 0, answer.text);
  await stack.inSync(erg);
}

test('membership, both ways', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 150, members: 5 });
  const { users, team } = world;
  await stack.link(world);
  await stack.inSync();

  await t.test('a join, a role and a leave in the app reach Teams, and nothing comes back', async () => {
    const before = (await memberEvents(stack)).length;
    const view = await put(stack, 'ann', { email: users[10].mail, role: 'member' });
    assert.equal(view.status, 'adding_to_teams');
    await status(stack, 'ann', 'synced');
    assert.ok((await stack.membersInTeams(team.id)).has(users[10].id));
    await put(stack, 'ann', { email: users[10].mail, role: 'owner' });
    await eventually('the role is in Teams', async () => (await stack.control('GET', `members?team=${team.id}`)).members.some((m) => m.user === users[10].id && m.role === 'owner'));
    await status(stack, 'ann', 'synced');
    await remove(stack, 'ann');
    await eventually('gone from Teams', async () => !(await stack.membersInTeams(team.id)).has(users[10].id));
    await eventually('forgotten', async () => (await stack.api('GET', '/v1/ergs/pride/members/ann')).status === 404);
    await stack.inSync();
    assert.equal((await memberEvents(stack)).length, before, 'no callback for our own writes');
  });

  await t.test('a leave in Teams right after reaches the app', async () => {
    await put(stack, 'ben', { entra_id: users[11].id, role: 'member' });
    await status(stack, 'ben', 'synced');
    await stack.control('POST', 'members', { op: 'remove', team: team.id, user: users[11].id });
    const told = await eventually('the app is told', async () => (await stack.received()).find((r) => r.event.type === 'ergsync.member.removed' && r.event.data.user === 'ben'));
    assert.equal(told.event.data.entra_id, users[11].id);
    await stack.inSync();
    assert.ok(!(await stack.membersInTeams(team.id)).has(users[11].id), 'not put back');
  });

  await t.test('50 joiners go out as one bulk call', async () => {
    await stack.control('DELETE', 'requests');
    const members = (await stack.control('GET', `members?team=${team.id}`)).members.map((m) => ({ user: `app-${m.user}`, entra_id: m.user, role: m.role }));
    for (const u of users.slice(20, 70)) members.push({ user: `app-${u.id}`, email: u.mail, role: 'member' });
    const answer = await stack.api('PUT', '/v1/ergs/pride/members', { members });
    assert.equal(answer.status, 202, answer.text);
    assert.equal(answer.json.removed, 0);
    await stack.inSync();
    assert.equal((await stack.membersInTeams(team.id)).size, members.length);
    const counts = await requests(stack);
    assert.equal(counts[templates.bulkAdd], 1);
    assert.equal(counts[templates.single] ?? 0, 0);
    const again = await stack.api('PUT', '/v1/ergs/pride/members', { members });
    assert.deepEqual(again.json, { added: 0, removed: 0, unchanged: members.length });
  });

  await t.test('a private member is neither looked up nor pushed', async () => {
    await stack.control('DELETE', 'requests');
    assert.equal((await put(stack, 'secret', { email: users[80].mail, role: 'member', private: true })).status, 'private');
    await sleep(1500);
    assert.equal((await member(stack, 'secret')).status, 'private');
    assert.deepEqual(await requests(stack), {});
    assert.ok(!(await stack.membersInTeams(team.id)).has(users[80].id));
    await remove(stack, 'secret');
  });

  await t.test('an address nobody has is told once, and found when it is repeated', async () => {
    await put(stack, 'new', { email: 'new.person@nowhere.example', role: 'member' });
    const view = await status(stack, 'new', 'unresolved');
    assert.ok(view.detail.length > 10);
    await eventually('the app is told', async () => (await stack.received()).some((r) => r.event.type === 'ergsync.member.unresolved' && r.event.data.user === 'new'));
    await put(stack, 'new', { email: users[81].mail, role: 'member' });
    await status(stack, 'new', 'synced');
    assert.ok((await stack.membersInTeams(team.id)).has(users[81].id));
    assert.equal((await stack.received()).filter((r) => r.event.type === 'ergsync.member.unresolved').length, 1);
  });

  await t.test('a person without a licence is refused with the reason, and stops nobody else', async () => {
    await stack.control('POST', 'users', { tenant: world.tenant, id: users[82].id, licensed: false });
    const bad = put(stack, 'nolicence', { entra_id: users[82].id, role: 'member' });
    const good = put(stack, 'licence', { entra_id: users[83].id, role: 'member' });
    await Promise.all([bad, good]);
    await status(stack, 'licence', 'synced');
    const view = await status(stack, 'nolicence', 'refused_by_teams');
    assert.match(view.detail, /licence/);
    await eventually('the app is told', async () => (await stack.received()).some((r) => r.event.type === 'ergsync.member.refused' && r.event.data.user === 'nolicence'));
    await remove(stack, 'nolicence');
  });

  await t.test('200 changes in the app: no further write, no callback', async () => {
    await stack.inSync();
    const before = (await memberEvents(stack)).length;
    await stack.control('DELETE', 'requests');
    let calls = 0;
    for (let round = 0; round < 20; round++) {
      const first = 90 + random(50);
      const chosen = users.slice(first, first + 5);
      for (const u of chosen) await put(stack, `echo-${u.id}`, { entra_id: u.id, role: 'member' });
      for (const u of chosen) await put(stack, `echo-${u.id}`, { entra_id: u.id, role: 'owner' });
      calls += 2 * chosen.length;
    }
    await stack.inSync();
    const settled = writes(await requests(stack));
    await sleep(5000);
    assert.equal(writes(await requests(stack)), settled, 'quiet when all is done');
    assert.equal((await memberEvents(stack)).length, before, `${calls} changes, no callback`);
    assert.ok(settled <= calls, `${settled} writes for ${calls} changes`);
    console.log(`${calls} changes, ${settled} writes, 0 callbacks`);
  });

  assert.equal((await stack.control('GET', 'journal')).violations, 0, JSON.stringify(await stack.control('GET', 'journal')));
});

for (const decision of ['approve', 'reject']) {
  for (const side of ['app', 'teams']) {
    test(`a mass removal in ${side === 'app' ? 'the app' : 'Teams'} is held; ${decision}`, async (t) => {
      const stack = await Stack.make(t);
      await stack.start();
      const world = await stack.world({ users: 120, members: 100 });
      const { users, team } = world;
      await stack.link(world);
      await stack.inSync();
      await nameAll(stack, team, users);
      const leavers = users.slice(50, 80);
      if (side === 'app') for (const u of leavers) await remove(stack, `app-${u.id}`);
      else await stack.control('POST', 'members', { changes: leavers.map((u) => ({ op: 'remove', team: team.id, user: u.id })) });
      // What was within the limits has gone; the rest is held.
      await eventually('it is held', async () => (await stack.erg()).state === 'held');
      const plan = await eventually('the plan is complete', async () => {
        const { json } = await stack.api('GET', '/v1/ergs/pride/plan');
        const gone = side === 'app' ? 100 - (await stack.membersInTeams(team.id)).size : 100 - (await stack.erg()).members.app;
        if (json.removals + gone !== 30) throw new Error(`${json.removals} held, ${gone} gone`);
        return json;
      });
      assert.ok(plan.removals >= 10);
      const held = plan.items.filter((i) => i.action === (side === 'app' ? 'remove_from_teams' : 'remove_from_app'));
      assert.equal(held.length, plan.removals);
      assert.ok(held.every((i) => i.reason.length > 5 && i.entra_id), JSON.stringify(held[0]));
      const told = await eventually('the app is told', async () => (await stack.received()).find((r) => r.event.type === 'ergsync.plan.held' && r.event.data.hash === plan.hash));
      assert.equal(told.event.data.removals, plan.removals);
      assert.equal((await stack.api('POST', '/v1/ergs/pride/plan', { decision, hash: 'f'.repeat(64) })).status, 409);
      // One of them comes back: the plan is another one.
      const back = users.find((u) => u.id === held[0].entra_id);
      if (side === 'app') await put(stack, `app-${back.id}`, { entra_id: back.id, role: 'member' });
      else await stack.control('POST', 'members', { op: 'add', team: team.id, user: back.id });
      const later = await eventually('the plan moves', async () => {
        const { json } = await stack.api('GET', '/v1/ergs/pride/plan');
        return json.removals === plan.removals - 1 && json;
      });
      assert.equal((await stack.api('POST', '/v1/ergs/pride/plan', { decision, hash: plan.hash })).status, 409);
      const shown = await stack.ctl('plan', 'show', 'pride');
      assert.equal(shown.code, 0, shown.output);
      const before = (await stack.membersInTeams(team.id)).size;
      const decided = await stack.ctl('plan', decision, 'pride', '--yes', '--hash', later.hash);
      if (decided.code !== 0) {
        const answer = await stack.api('POST', '/v1/ergs/pride/plan', { decision, hash: later.hash });
        assert.ok(answer.status < 300, `${decided.output} ${answer.text}`);
      }
      const after = await stack.inSync();
      const teams = await stack.membersInTeams(team.id);
      const wanted = decision === 'approve' ? 71 : side === 'app' ? before : 100 - (30 - plan.removals);
      assert.equal(teams.size, wanted);
      assert.equal(after.members.app, wanted);
      const list = (await stack.api('GET', '/v1/ergs/pride/members?limit=1000')).json.members;
      assert.ok(sameSet(new Set(list.filter((m) => m.in_app).map((m) => m.entra_id)), teams));
      assert.equal((await stack.api('POST', '/v1/ergs/pride/plan', { decision, hash: later.hash })).status, 409);
      assert.equal((await stack.control('GET', 'journal')).violations, 0);
    });
  }
}

test('two ERGs on one team: removed in one, kept by the other', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 20, members: 8 });
  await stack.link(world);
  await stack.inSync();
  await stack.link(world, { erg: 'women' });
  await stack.inSync('women');
  await nameAll(stack, world.team, world.users);
  const who = `app-${world.users[3].id}`;
  await remove(stack, who);
  const view = await status(stack, who, 'kept_in_teams');
  assert.ok(view.detail.length > 10);
  await sleep(1000);
  assert.ok((await stack.membersInTeams(world.team.id)).has(world.users[3].id));
  assert.equal((await member(stack, who, 'women')).status, 'synced');
  await remove(stack, who, 'women');
  await eventually('gone from the team', async () => !(await stack.membersInTeams(world.team.id)).has(world.users[3].id));
  await eventually('forgotten here', async () => (await stack.api('GET', `/v1/ergs/pride/members/${who}`)).status === 404);
});
