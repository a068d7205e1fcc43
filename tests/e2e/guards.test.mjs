// Absence is not evidence: whatever Graph answers, nobody is removed who did not leave, and the state says what is wrong.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, eventually, sameSet, sleep, request } from './lib/stack.mjs';

const people = 12;
const read = (team) => `/teams/${team}/members`;

// What Graph does to reads of one team; the states the ERG may show meanwhile (undefined: as before); how it is told.
const cases = [
  { name: 'an empty list where people were', fault: (t) => [{ kind: 'empty_page', path: read(t), count: 0 }], states: ['held', 'in_sync', 'working'] },
  { name: 'a page that breaks off', fault: (t) => [{ kind: 'truncate', path: read(t), count: 0 }], failed: true },
  { name: 'a later page that fails', settings: { page_max: 5 }, fault: (t) => [{ kind: 'status', status: 500, path: read(t), skip: 1, count: 0 }], failed: true },
  { name: 'a page without its nextLink', settings: { page_max: 5 }, fault: (t) => [{ kind: 'truncated_page', path: read(t), count: 0 }], states: ['held', 'in_sync', 'working'] },
  { name: 'a list with people missing', fault: (t) => [{ kind: 'short_page', path: read(t), count: 1 }], states: ['held', 'in_sync', 'working'] },
  { name: 'connections that close', fault: (t) => [{ kind: 'close_before', path: read(t), count: 0 }], failed: true },
  { name: '403', fault: (t) => [{ kind: 'status', status: 403, code: 'Forbidden', path: `/teams/${t}`, count: 0 }], states: ['broken'], failed: true, told: 'ergsync.erg.broken' },
  { name: '404', fault: (t) => [{ kind: 'status', status: 404, code: 'NotFound', path: `/teams/${t}`, count: 0 }], states: ['broken'], failed: true, told: 'ergsync.erg.broken' },
  { name: '401', fault: (t) => [{ kind: 'status', status: 401, code: 'InvalidAuthenticationToken', path: `/teams/${t}`, count: 0 }], failed: true },
  { name: 'lists that lag an hour behind', fault: (t) => [{ kind: 'lag', delay_ms: 3_600_000, path: read(t), count: 0 }], states: ['held', 'in_sync', 'working'] },
  { name: '503 with Retry-After', fault: (t) => [{ kind: 'status', status: 503, retry_after_s: 1, path: read(t), count: 2 }], states: ['in_sync', 'working'] },
];

async function resync(stack, erg) {
  const started = await stack.api('POST', '/v1/resyncs', { scope: `erg:${erg}` });
  assert.equal(started.status, 202, started.text);
  return eventually('the resync ends', async () => {
    const { json } = await stack.api('GET', `/v1/resyncs/${started.json.id}`);
    return json.state !== 'running' && json;
  }, { within: 120_000, every: 100 });
}

test('no fault of Graph takes anybody out', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 30, members: people });
  const removals = async (erg) => (await stack.feed()).filter((e) => e.type === 'ergsync.member.removed' && e.data.erg === erg);

  for (const [i, c] of cases.entries()) {
    await t.test(c.name, async () => {
      const erg = `guard${i}`;
      const team = await stack.control('POST', 'teams', { tenant: world.tenant, owners: [world.users[0].id], members: world.users.slice(1, people).map((u) => u.id) });
      await stack.link({ ...world, team }, { erg });
      await stack.inSync(erg);
      if (c.settings) await stack.control('POST', 'settings', c.settings);
      await stack.control('POST', 'faults', { faults: c.fault(team.id) });
      const result = await resync(stack, erg);
      if (c.failed) {
        assert.ok(result.state === 'failed' || result.errors.length > 0, JSON.stringify(result));
        assert.ok(result.errors.length > 0 && result.errors[0].length > 10, JSON.stringify(result));
      }
      const view = await stack.erg(erg);
      if (c.states) assert.ok(c.states.includes(view.state), `${view.state}: ${view.detail}`);
      if (view.state === 'broken') assert.ok(view.detail.length > 10, 'broken says why');
      if (c.told) {
        await eventually('the app is told', async () => (await stack.received()).some((r) => r.event.type === c.told && r.event.data.erg === erg));
      }
      assert.deepEqual(await removals(erg), []);
      assert.equal(view.members.app, people);

      await stack.control('DELETE', 'faults');
      await stack.control('POST', 'settings', { page_max: 999 });
      await eventually('it recovers when Graph does', async () => {
        const again = await resync(stack, erg);
        const now = await stack.erg(erg);
        if (now.state !== 'in_sync') throw new Error(`${now.state}: ${now.detail} ${JSON.stringify(again.errors)}`);
        return true;
      }, { within: 90_000, every: 2000 });
      assert.deepEqual(await removals(erg), []);
      assert.ok(sameSet(await stack.membersByFeed(erg), await stack.membersInTeams(team.id)));
      if (c.told) assert.equal((await stack.received()).filter((r) => r.event.type === 'ergsync.erg.restored' && r.event.data.erg === erg).length, 1);
    });
  }

  await t.test('a mass removal is held, and told with its count', async () => {
    const erg = 'mass';
    const team = await stack.control('POST', 'teams', { tenant: world.tenant, owners: [world.users[0].id], members: world.users.slice(1, 30).map((u) => u.id) });
    await stack.link({ ...world, team }, { erg });
    await stack.inSync(erg);
    await stack.control('POST', 'members', { changes: world.users.slice(5, 25).map((u) => ({ op: 'remove', team: team.id, user: u.id })) });
    const view = await eventually('it is held', async () => {
      const v = await stack.erg(erg);
      return v.state === 'held' && v;
    });
    assert.ok(view.detail.length > 10);
    const told = await eventually('the app is told', async () => (await stack.received()).find((r) => r.event.type === 'ergsync.plan.held' && r.event.data.erg === erg));
    assert.equal(typeof told.event.data.removals, 'number');
    assert.ok((await removals(erg)).length <= 10, 'no more than the limit');
  });

  await t.test('a permission lost: broken with what to grant, nobody is removed, restored when it is granted again', async () => {
    const erg = 'guard0', lost = ['TeamMember.Read.All', 'TeamMember.ReadWrite.All', 'TeamMember.ReadWriteNonOwnerRole.All'];
    await stack.control('POST', 'permissions', { tenant: world.tenant, withdraw: lost });
    await resync(stack, erg);
    const view = await eventually('it is broken', async () => {
      const v = await stack.erg(erg);
      return v.state === 'broken' && v;
    });
    assert.match(view.detail, /TeamMember\.Read/);
    assert.deepEqual(await removals(erg), []);
    await stack.control('POST', 'permissions', { tenant: world.tenant, grant: lost });
    await eventually('it recovers', async () => {
      await resync(stack, erg);
      return (await stack.erg(erg)).state === 'in_sync';
    }, { within: 90_000, every: 2000 });
    assert.deepEqual(await removals(erg), []);
  });

  await t.test('consent withdrawn: the tenant says so, nobody is removed, all is well again when it is given back', async () => {
    await stack.control('POST', 'consent', { tenant: world.tenant, consent: 'withdrawn' });
    await eventually('the tenant misses consent', async () => {
      await resync(stack, 'guard0');
      return (await stack.api('GET', '/v1/tenants/acme')).json.state === 'consent_missing';
    }, { every: 1000 });
    const { json } = await stack.api('GET', '/v1/tenants/acme');
    assert.match(json.consent_url, /adminconsent/);
    await eventually('the app is told', async () => (await stack.received()).some((r) => r.event.type === 'ergsync.tenant.consent_missing'));
    assert.deepEqual(await removals('guard0'), []);
    await stack.control('POST', 'consent', { tenant: world.tenant, consent: 'granted' });
    await stack.api('PUT', '/v1/tenants/acme', { directory_id: world.tenant, organizer: world.users[0].upn });
    await eventually('active again', async () => (await stack.api('GET', '/v1/tenants/acme')).json.state === 'active');
    await sleep(500);
    await resync(stack, 'guard0');
    await stack.inSync('guard0');
    assert.deepEqual(await removals('guard0'), []);
  });

  await t.test('an administrator consents by the link and is sent back to our page: noticed within seconds', async () => {
    await stack.control('POST', 'consent', { tenant: world.tenant, consent: 'absent' });
    await eventually('the tenant misses consent', async () => {
      await resync(stack, 'guard0');
      return (await stack.api('GET', '/v1/tenants/acme')).json.state === 'consent_missing';
    }, { every: 1000 });
    const { json } = await stack.api('GET', '/v1/tenants/acme');
    const sent = await request({ url: json.consent_url });
    assert.equal(sent.status, 302);
    const back = new URL(sent.headers.location);
    assert.equal(back.origin, `https://localhost:${stack.publicPort}`);
    const forged = await stack.public('GET', `${back.pathname}?admin_consent=True&state=${'A'.repeat(89)}<script>`);
    assert.equal(forged.status, 400);
    const page = await stack.public('GET', back.pathname + back.search);
    assert.equal(page.status, 200);
    assert.equal(page.headers['content-type'], 'text/plain; charset=utf-8');
    assert.match(page.headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/);
    assert.equal(page.headers['referrer-policy'], 'no-referrer');
    assert.match(page.text, /^Thank you/);
    for (const value of back.searchParams.values()) assert.ok(!page.text.includes(value), 'the page repeats nothing');
    await eventually('active again', async () => (await stack.api('GET', '/v1/tenants/acme')).json.state === 'active', { within: 10_000 });
    await resync(stack, 'guard0');
    await stack.inSync('guard0');
  });
});
