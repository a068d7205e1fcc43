// One subscription for all teams of a tenant, by real processes: made beside one for each team, which stay until it has been heard,
// shown, deaf to nobody that matters; a tenant of whose Graph it cannot be had does without. By default it is made where Graph has no
// room for one each.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import { Stack, eventually, request, sameSet } from './lib/stack.mjs';

const ERGS = 4;
const WIDE = '/teams/getAllMembers';

/** A tenant with ERGS teams, each an ERG, and one team more. */
async function tenant(stack, name, tenantWide) {
  const id = crypto.randomUUID();
  await stack.control('POST', 'tenants', { id, tenant_wide: tenantWide });
  const { users } = await stack.control('POST', 'users', { tenant: id, count: 12 });
  const teams = [];
  for (let n = 0; n <= ERGS; n++) teams.push(await stack.control('POST', 'teams', { tenant: id, owners: [users[0].id], members: [users[1].id] }));
  for (let n = 0; n < ERGS; n++) await stack.link({ tenant: id, users, team: teams[n] }, { tenantId: name, erg: `${name}-${n}` });
  for (let n = 0; n < ERGS; n++) await stack.inSync(`${name}-${n}`);
  return { id, name, users, teams, foreign: teams[ERGS] };
}

async function subscriptions(stack, t) {
  const all = (await stack.control('GET', 'subscriptions')).subscriptions.filter((s) => s.tenant === t.id);
  return { wide: all.filter((s) => s.resource === WIDE).length, own: all.filter((s) => s.resource !== WIDE).length };
}

async function everybodyIsHeard(stack, t, user) {
  for (let n = 0; n < ERGS; n++) await stack.control('POST', 'members', { op: 'add', team: t.teams[n].id, user: t.users[user].id });
  for (let n = 0; n < ERGS; n++) {
    await eventually(`${t.name}-${n} has whoever joined`, async () =>
      sameSet(await stack.membersByFeed(`${t.name}-${n}`), await stack.membersInTeams(t.teams[n].id)), { within: 30_000 });
  }
}

const metric = async (stack, name) => Number((await request({ url: `http://127.0.0.1:${stack.adminPort}/metrics` })).text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ')[1]);

test('one subscription for all teams of a tenant', async (t) => {
  const stack = await Stack.make(t, { config: { graph: { tenant_wide_from: 3, notifications: 'rich' } } });
  await stack.startSim();
  await stack.startApp();
  stack.writeConfig();
  assert.equal((await stack.ctl('init')).code, 0);
  await stack.startListener();
  await stack.startReconciler();
  const acme = await tenant(stack, 'acme', 'granted');
  const other = await tenant(stack, 'other', 404);

  await t.test('teams keep their own until it has been heard', async () => {
    await eventually('one for all, and one for each', async () => {
      const { wide, own } = await subscriptions(stack, acme);
      return wide === 1 && own === ERGS;
    });
    assert.match((await stack.ctl('doctor', 'acme')).output, /one of them for all teams, which keep their own until it has told of a change/);
    assert.match((await stack.ctl('subscriptions')).output, /acme +\S+ +active .*getAllMembers +It has not told of a change yet/);
    await stack.reconciler.kill('SIGKILL');
    await stack.startReconciler();
    assert.deepEqual(await subscriptions(stack, acme), { wide: 1, own: ERGS });
  });

  await t.test('it stands for those of the teams, and each ERG shows it', async () => {
    await everybodyIsHeard(stack, acme, 2);
    await eventually('one for all', async () => {
      const { wide, own } = await subscriptions(stack, acme);
      return wide === 1 && own === 0;
    });
    const erg = await stack.erg('acme-0');
    assert.deepEqual(erg.subscriptions.map((s) => [s.resource, s.state]), [[WIDE, 'active']]);
  });

  await t.test('what it carries needs no asking back, and teams that are no ERGs cost no call', async () => {
    await eventually('nothing waits to be read', async () => await metric(stack, 'ergsync_dirty') === 0);
    await stack.control('DELETE', 'requests');
    await everybodyIsHeard(stack, acme, 5);
    for (let user = 2; user < 12; user++)
      await stack.control('POST', 'members', { op: 'add', team: acme.foreign.id, user: acme.users[user].id });
    await eventually('they are counted', async () => await metric(stack, 'ergsync_hints_total{outcome="other_team"}') === 10);
    const { counts } = await stack.control('GET', 'requests?limit=1');
    assert.deepEqual(Object.keys(counts).filter((template) => template.includes('/members')), []);
  });

  await t.test('where Graph refuses it each team has its own, and that is said', async () => {
    await eventually('one for each', async () => {
      const { wide, own } = await subscriptions(stack, other);
      return wide === 0 && own === ERGS;
    });
    await everybodyIsHeard(stack, other, 2);
    await eventually('it is refused', async () =>
      (await stack.erg('other-0')).subscriptions.map((s) => s.state).join() === 'active,refused');
    const list = await stack.ctl('subscriptions');
    assert.match(list.output, /other +\S+ +refused .*Graph refuses one subscription for all teams of this tenant \(status 404\)\. Each team has its own/);
    assert.match(list.output, /acme +\S+ +active .*\/teams\/getAllMembers/);
    const doctor = await stack.ctl('doctor', 'other');
    assert.match(doctor.output, new RegExp(`${ERGS} active.*Graph refuses one subscription for all teams`));
    assert.match((await stack.ctl('doctor', 'acme')).output, new RegExp(`1 active, one of them for all teams, ${ERGS} of which have an ERG`));
  });

  await t.test('the reconciler is killed, and everybody is heard as before', async () => {
    await stack.reconciler.kill('SIGKILL');
    for (const c of [acme, other]) await stack.control('POST', 'members', { op: 'remove', team: c.teams[1].id, user: c.users[2].id });
    await stack.startReconciler();
    for (const c of [acme, other]) await everybodyIsHeard(stack, c, 3);
    assert.deepEqual(await subscriptions(stack, acme), { wide: 1, own: 0 });
    assert.deepEqual(await subscriptions(stack, other), { wide: 0, own: ERGS });
  });

  await t.test('switched off by a reload: each team has its own again', async () => {
    stack.writeConfig({ graph: { tenant_wide_from: 'never', notifications: 'rich' } });
    stack.reconciler.child.kill('SIGHUP');
    await eventually('one for each', async () => {
      const { wide, own } = await subscriptions(stack, acme);
      return wide === 0 && own === ERGS;
    });
    await everybodyIsHeard(stack, acme, 4);
  });
});

test('no room for one each', async (t) => {
  const stack = await Stack.make(t, {});
  await stack.startSim();
  await stack.startApp();
  stack.writeConfig();
  assert.equal((await stack.ctl('init')).code, 0);
  await stack.startListener();
  await stack.startReconciler();
  const acme = await tenant(stack, 'acme', 'granted');
  await eventually('one for each', async () => (await subscriptions(stack, acme)).own === ERGS);
  await stack.control('POST', 'settings', { quota_teams: ERGS });
  await stack.link({ tenant: acme.id, users: acme.users, team: acme.foreign }, { tenantId: 'acme', erg: 'acme-one-more' });
  await eventually('one for all, in the place of one', async () => {
    const { wide, own } = await subscriptions(stack, acme);
    return wide === 1 && own === ERGS - 1;
  });
  await everybodyIsHeard(stack, acme, 2);
  await stack.control('POST', 'members', { op: 'add', team: acme.foreign.id, user: acme.users[3].id });
  await eventually('the team without has whoever joined', async () =>
    sameSet(await stack.membersByFeed('acme-one-more'), await stack.membersInTeams(acme.foreign.id)));
  await eventually('one for all', async () => {
    const { wide, own } = await subscriptions(stack, acme);
    return wide === 1 && own === 0;
  });
});
