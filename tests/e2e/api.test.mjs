// The app API as contract sections 4 and 9 describe it, on the real daemon.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import { Stack, eventually } from './lib/stack.mjs';

function problem(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/);
  assert.equal(answer.json.status, status);
  assert.ok(answer.json.type && answer.json.title);
  return answer.json;
}

test('the app API', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 10, members: 4 });
  const link = stack.teamUrl(world.tenant, world.team);
  const erg = { tenant: 'acme', name: 'Pride', channel_url: link, membership: 'two-way', meetings: 'off' };

  await t.test('tenants', async () => {
    const body = { directory_id: world.tenant.toUpperCase(), organizer: world.users[0].upn };
    const created = await stack.api('PUT', '/v1/tenants/acme', body);
    assert.equal(created.status, 201, created.text);
    assert.equal((await stack.api('PUT', '/v1/tenants/acme', body)).status, 200);
    const { json } = await stack.api('GET', '/v1/tenants/acme');
    for (const key of ['directory_id', 'organizer', 'state', 'organizer_id', 'detail', 'consent_url', 'ergs']) assert.ok(key in json, key);
    assert.equal(json.directory_id, world.tenant);
    await eventually('the organizer is resolved', async () => (await stack.api('GET', '/v1/tenants/acme')).json.organizer_id === world.users[0].id);
    const list = await stack.api('GET', '/v1/tenants');
    assert.equal(list.json.tenants.length, 1);
    assert.equal(list.json.next, null);
    problem(await stack.api('GET', '/v1/tenants/none'), 404);
    problem(await stack.api('PUT', '/v1/tenants/a%20b', body), 400);
    const bad = problem(await stack.api('PUT', '/v1/tenants/x', { directory_id: 'nonsense', organizer: 5, extra: 1 }), 422);
    assert.deepEqual(bad.errors.map((e) => e.pointer).sort(), ['/directory_id', '/extra', '/organizer']);
  });

  await t.test('malformed JSON, unknown paths and methods', async () => {
    const target = { method: 'PUT', socketPath: stack.file('run/app.sock'), path: '/v1/tenants/acme', raw: true };
    const { request } = await import('./lib/stack.mjs');
    for (const text of ['{', '[]x', '{"a":1,"a":2}', '']) problem(await request(target, text), 400);
    problem(await stack.api('GET', '/v1/nothing'), 404);
    const answer = await stack.api('PATCH', '/v1/tenants/acme', {});
    problem(answer, 405);
    assert.match(answer.headers.allow, /GET/);
  });

  await t.test('links that are none of this tenant\'s channels', async () => {
    const foreign = stack.teamUrl(crypto.randomUUID(), world.team);
    for (const url of [foreign, 'https://teams.microsoft.com/l/meetup-join/19%3ameeting_x%40thread.v2/0', 'https://teams.microsoft.com/l/chat/19:x@thread.v2/0', 'https://evil.example/l/team/x', 'not a link']) {
      const p = problem(await stack.api('PUT', '/v1/ergs/pride', { ...erg, channel_url: url }), 422);
      assert.equal(p.errors[0].pointer, '/channel_url');
      assert.ok(p.errors[0].detail.length > 10);
    }
    const p = problem(await stack.api('PUT', '/v1/ergs/pride', { ...erg, tenant: 'nobody' }), 422);
    assert.equal(p.errors[0].pointer, '/tenant');
    problem(await stack.api('PUT', '/v1/ergs/pride', { ...erg, membership: 'both' }), 422);
    problem(await stack.api('PUT', '/v1/ergs/pride', { ...erg, removal_percent: 101 }), 422);
  });

  await t.test('ERGs and members', async () => {
    assert.equal((await stack.api('PUT', '/v1/ergs/pride', erg)).status, 201);
    assert.equal((await stack.api('PUT', '/v1/ergs/pride', erg)).status, 200);
    const view = await stack.inSync();
    for (const key of ['tenant', 'name', 'channel_url', 'membership', 'meetings', 'team_id', 'channel_id', 'channel_type', 'state', 'detail', 'proved_at', 'members', 'subscriptions']) assert.ok(key in view, key);
    for (const key of ['app', 'teams', 'pending', 'unresolved', 'refused', 'private']) assert.equal(typeof view.members[key], 'number');
    assert.match(view.proved_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    const { json } = await stack.api('GET', '/v1/ergs/pride/members');
    assert.equal(json.members.length, 4);
    for (const m of json.members) {
      assert.deepEqual([m.user, m.in_app, m.in_teams, m.status, m.private], [`entra:${m.entra_id}`, true, true, 'synced', false]);
      assert.ok(world.users.some((u) => u.id === m.entra_id));
    }
    const seen = [];
    for (let after = ''; ;) {
      const page = (await stack.api('GET', `/v1/ergs/pride/members?limit=3${after && `&after=${encodeURIComponent(after)}`}`)).json;
      seen.push(...page.members.map((m) => m.entra_id));
      if (page.next === null) break;
      assert.equal(page.members.length, 3);
      after = page.next;
    }
    assert.equal(new Set(seen).size, 4);
    assert.equal((await stack.api('GET', `/v1/ergs/pride/members/entra:${world.users[0].id}`)).json.role, 'owner');
    problem(await stack.api('GET', '/v1/ergs/pride/members/nobody'), 404);
    problem(await stack.api('GET', '/v1/ergs/none/members'), 404);
    problem(await stack.api('GET', '/v1/ergs?limit=0'), 400);
  });

  await t.test('the change feed waits', async () => {
    const last = (await stack.feed()).at(-1).seq;
    const early = Date.now();
    const empty = (await stack.api('GET', `/v1/changes?after=${last}&wait=1`)).json;
    assert.deepEqual(empty, { changes: [], next: last });
    assert.ok(Date.now() - early >= 900);
    const waiting = stack.api('GET', `/v1/changes?after=${last}&wait=30`);
    await stack.control('POST', 'members', { op: 'add', team: world.team.id, user: world.users[6].id });
    const { json } = await waiting;
    assert.equal(json.changes.length, 1);
    assert.equal(json.changes[0].data.entra_id, world.users[6].id);
    assert.equal(json.next, json.changes[0].seq);
  });

  await t.test('a position beyond the newest change, or before what is kept, is refused and says where to go on', async () => {
    const last = (await stack.feed()).at(-1).seq;
    const beyond = await stack.api('GET', `/v1/changes?after=${last + 1}&wait=30`);
    problem(beyond, 410);
    assert.match(beyond.json.detail, new RegExp(`number ${last}\\b`));
    stack.writeConfig({ app: { listen: 'unix:run/app.sock', callback_url: `${stack.appUrl}/callbacks`, callback_secret_file: 'callback.secret', feed_keep: '1s' } });
    stack.reconciler.child.kill('SIGHUP');
    await eventually('all is trimmed', async () => (await stack.api('GET', '/v1/changes')).json.changes.length === 0);
    const gone = await stack.api('GET', '/v1/changes?after=1');
    problem(gone, 410);
    assert.match(gone.json.detail, new RegExp(`go on after ${last}\\b`));
    assert.deepEqual((await stack.api('GET', `/v1/changes?after=${last}`)).json, { changes: [], next: last });
    stack.writeConfig();
    stack.reconciler.child.kill('SIGHUP');
  });

  await t.test('resyncs', async () => {
    const started = await stack.api('POST', '/v1/resyncs', { scope: 'all' });
    assert.equal(started.status, 202, started.text);
    const done = await eventually('it is done', async () => {
      const { json } = await stack.api('GET', `/v1/resyncs/${started.json.id}`);
      return json.state === 'done' && json;
    });
    assert.equal(done.ergs_total, 1);
    assert.equal(done.ergs_done, 1);
    assert.ok(done.members_compared >= 5);
    assert.equal(done.changes.added_to_app, 0);
    for (const key of ['added_to_app', 'removed_from_app', 'added_to_teams', 'removed_from_teams', 'meetings_created', 'meetings_updated', 'meetings_cancelled', 'held']) assert.equal(typeof done.changes[key], 'number', key);
    assert.ok(Array.isArray(done.errors) && done.started_at && done.finished_at);
    assert.ok((await stack.api('GET', '/v1/resyncs')).json.resyncs.some((r) => r.id === done.id));
    assert.equal(problem(await stack.api('POST', '/v1/resyncs', { scope: 'erg:none' }), 422).errors[0].pointer, '/scope');
    problem(await stack.api('POST', '/v1/resyncs', { scope: 'galaxy' }), 422);
    problem(await stack.api('GET', '/v1/resyncs/none'), 404);
    await eventually('the app is told', async () => (await stack.received()).some((c) => c.event.type === 'ergsync.resync.done' && c.event.data.id === done.id));
  });

  await t.test('a dry run changes nothing and says what it would do', async () => {
    await stack.control('POST', 'members', { op: 'add', team: world.team.id, user: world.users[8].id, quiet: true });
    const started = await stack.api('POST', '/v1/resyncs', { scope: 'erg:pride', dry_run: true });
    const done = await eventually('it is done', async () => {
      const { json } = await stack.api('GET', `/v1/resyncs/${started.json.id}`);
      return json.state === 'done' && json;
    });
    assert.equal(done.dry_run, true);
    assert.equal(done.changes.added_to_app, 1);
    assert.ok(!(await stack.membersByFeed()).has(world.users[8].id));
    await stack.api('POST', '/v1/resyncs', { scope: 'tenant:acme' });
    await eventually('the real one does it', async () => (await stack.membersByFeed()).has(world.users[8].id));
  });

  await t.test('status', async () => {
    const { json } = await stack.api('GET', '/v1/status');
    assert.equal(json.ergs.in_sync, 1);
    assert.equal(json.tenants.active, 1);
    assert.equal(json.subscriptions.active, 1);
  });

  await t.test('unlinking deletes the subscription and the references, and removes nobody', async () => {
    const before = (await stack.feed()).filter((e) => e.type === 'ergsync.member.removed').length;
    assert.equal((await stack.api('DELETE', '/v1/ergs/pride')).status, 202);
    await eventually('the ERG is gone', async () => (await stack.api('GET', '/v1/ergs/pride')).status === 404);
    await eventually('the subscription is gone', async () => (await stack.control('GET', 'subscriptions')).subscriptions.length === 0);
    assert.equal((await stack.membersInTeams(world.team.id)).size, 6);
    assert.equal((await stack.feed()).filter((e) => e.type === 'ergsync.member.removed').length, before);
  });

  await t.test('removing a tenant leaves nothing', async () => {
    await stack.link(world, { erg: 'again' });
    await stack.inSync('again');
    assert.equal((await stack.api('DELETE', '/v1/tenants/acme')).status, 202);
    await eventually('the tenant is gone', async () => (await stack.api('GET', '/v1/tenants/acme')).status === 404);
    problem(await stack.api('GET', '/v1/ergs/again'), 404);
    assert.equal((await stack.control('GET', 'subscriptions')).subscriptions.length, 0);
  });
});
