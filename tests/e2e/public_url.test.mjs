// public_url changes by a reload, with two addresses on loopback: the new one is down first, then both answer, then only the new one.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, eventually, freePort, request, sameSet } from './lib/stack.mjs';

const ERGS = 3;

test('public_url changes', async (t) => {
  const stack = await Stack.make(t);
  const [former, current] = [stack.publicPort, await freePort()];
  /** Both daemons read this; the listener listens there, Graph is told that. */
  const configure = (told, listens) => stack.writeConfig({
    listener: { listen: listens.map((port) => `127.0.0.1:${port}`).join(' '), public_url: `https://localhost:${told}` },
    sync: { renew_every: '3s' },
  });
  const restartListener = async (port) => {
    await stack.listener.kill();
    stack.publicPort = port;
    await stack.startListener();
  };
  await stack.startSim();
  await stack.startApp();
  configure(former, [former]);
  await stack.startListener();
  await stack.startReconciler();
  const world = await stack.world({ users: 40 });
  const teams = [world.team];
  while (teams.length < ERGS) teams.push(await stack.control('POST', 'teams', { tenant: world.tenant, owners: [world.users[0].id] }));
  for (let n = 0; n < ERGS; n++) await stack.link({ ...world, team: teams[n] }, { erg: `erg-${n}` });
  for (let n = 0; n < ERGS; n++) await stack.inSync(`erg-${n}`);

  let joined = 5;
  const everybodyIsHeard = async () => {
    for (const team of teams) await stack.control('POST', 'members', { op: 'add', team: team.id, user: world.users[joined].id });
    joined++;
    for (let n = 0; n < ERGS; n++)
      await eventually(`erg-${n} has whoever joined`, async () =>
        sameSet(await stack.membersByFeed(`erg-${n}`), await stack.membersInTeams(teams[n].id)));
  };
  const there = async (port, field = 'notificationUrl') =>
    (await stack.control('GET', 'subscriptions')).subscriptions.filter((s) => s[field].startsWith(`https://localhost:${port}/`)).length;
  const ids = async () => (await stack.control('GET', 'subscriptions')).subscriptions.map((s) => s.id).sort();
  const status = async () => (await stack.api('GET', '/v1/status')).json;
  await eventually('all are there', async () => await there(former) === ERGS);

  await t.test('the new one is down: those at the former one stay, are renewed, and it is said', async () => {
    const before = await ids();
    configure(current, [former]);
    stack.reconciler.child.kill('SIGHUP');
    await eventually('it is said', async () => (await status()).attention.some((a) => /^Graph does not reach public_url: 3 subscriptions stay/.test(a.what)));
    assert.match((await request({ url: `http://127.0.0.1:${stack.adminPort}/readyz` })).text, /^ready\nnow: Graph does not reach public_url/);
    await stack.control('DELETE', 'requests');
    await everybodyIsHeard();
    await eventually('renewals', async () => (await stack.control('GET', 'requests?limit=1')).counts['PATCH /subscriptions/{subscription}'] >= 2 * ERGS);
    assert.deepEqual(await ids(), before);
    assert.equal(await there(former), ERGS);
    assert.match((await stack.ctl('doctor', 'acme')).output, /Graph does not reach public_url: 3 subscriptions stay at the former one/);
    const list = (await stack.ctl('subscriptions')).output;
    assert.match(list, /former/);
    assert.match(list, /3 need still a former public_url/);
  });

  await t.test('both answer: all move, and each is made anew at last', async () => {
    configure(current, [former, current]);
    await restartListener(former);
    await eventually('notifications go there', async () => await there(current) === ERGS, { within: 60_000 });
    await everybodyIsHeard();
    await eventually('all goes there', async () => await there(former, 'lifecycleNotificationUrl') === 0 && await there(current) === ERGS, { within: 60_000 });
    await eventually('it is said', async () => /None is at a former public_url/.test((await stack.ctl('subscriptions')).output));
    assert.deepEqual((await stack.erg('erg-0')).subscriptions.map((s) => [s.state, s.address]), [['active', 'current']]);
    assert.equal((await status()).subscriptions.at_former_address, 0);
    await everybodyIsHeard();
  });

  await t.test('the former one is switched off', async () => {
    configure(current, [current]);
    await restartListener(current);
    const before = await ids();
    await everybodyIsHeard();
    assert.deepEqual(await ids(), before);
    assert.doesNotMatch((await stack.ctl('status')).output, /public_url/);
  });
});
