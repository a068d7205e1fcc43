// SIGKILL the listener again and again under load: what was answered 202 is reconciled, always.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, eventually, random, sleep } from './lib/stack.mjs';
import { Poster, inParallel, memberItem } from './lib/poster.mjs';

const rounds = Number(process.env.ERGSYNC_KILLS ?? 200);

test(`${rounds} kills of the listener lose nothing that was answered 202`, async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  // One team a round, so that each acknowledged hint must be followed for itself.
  const world = await stack.world({ users: 6, members: 2 });
  const teams = [world.team];
  while (teams.length < rounds) {
    teams.push(await stack.control('POST', 'teams', { tenant: world.tenant, owners: [world.users[0].id], members: [world.users[1].id] }));
  }
  await inParallel(rounds, 8, async (i) => stack.link({ ...world, team: teams[i] }, { erg: `erg${i}` }));
  await eventually('all are in sync', async () => {
    const { json } = await stack.api('GET', '/v1/status');
    if (json.ergs.in_sync !== rounds) throw new Error(JSON.stringify(json.ergs));
    return true;
  }, { within: 180_000, every: 500 });
  const byTeam = new Map((await stack.control('GET', 'subscriptions')).subscriptions.map((s) => [s.resource.match(/[0-9a-f-]{36}/)[0], s]));
  assert.equal(byTeam.size, rounds);

  const joiner = world.users[4].id;
  const poster = new Poster(stack);
  t.after(() => poster.close());
  let acknowledged = 0;
  for (let i = 0; i < rounds; i++) {
    const team = teams[i].id;
    const { members } = await stack.control('POST', 'members', { op: 'add', team, user: joiner, quiet: true });
    const item = memberItem(byTeam.get(team), world.tenant, team, members[0].id);
    const noise = memberItem(byTeam.get(world.team.id), world.tenant, world.team.id, `noise-${i}`, 'updated');
    const load = inParallel(16, 8, () => poster.post([noise]));
    const mine = poster.post([item, noise]);
    await sleep(random(40));
    await stack.listener.kill('SIGKILL');
    const status = await mine;
    await load;
    await stack.startListener();
    if (status === 202) acknowledged++;
    else assert.equal(await poster.post([item]), 202, 'Graph repeats what was not acknowledged');
  }
  console.log(`acknowledged before the kill: ${acknowledged} of ${rounds}; answers: ${JSON.stringify(poster.statuses)}`);
  await eventually('every acknowledged join has reached the app', async () => {
    const joined = new Set((await stack.received()).filter((c) => c.event.data.entra_id === joiner).map((c) => c.event.data.erg));
    if (joined.size !== rounds) throw new Error(`${joined.size} of ${rounds}`);
    return true;
  }, { within: 120_000, every: 500 });
});
