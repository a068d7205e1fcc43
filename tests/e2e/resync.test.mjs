// One full resync, two admins who watch it, and a reconciler that is killed in the middle: it is told who was first, both see the
// same progress, and both see its end.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, eventually } from './lib/stack.mjs';

const ERGS = 3;

test('a second admin follows the running resync, and it survives restarts', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 12, members: 4 });
  await stack.link(world, { erg: 'erg0' });
  for (let i = 1; i < ERGS; i++) {
    const team = await stack.control('POST', 'teams', { tenant: world.tenant, owners: [world.users[0].id], members: [world.users[i].id] });
    await stack.link({ ...world, team }, { erg: `erg${i}` });
  }
  for (let i = 0; i < ERGS; i++) await stack.inSync(`erg${i}`);

  const admin = (...args) => stack.spawn('ergsyncctl', ['--config', stack.file('ergsync.conf'), 'resync', ...args], { env: { RUNTIME_DIRECTORY: '', NO_COLOR: '1' } });
  const progress = (text) => [...text.matchAll(/^(\d+)\/(\d+) ERGs/gm)].map(([, done, of]) => ({ done: Number(done), of: Number(of) }));
  const sees = (program, from = 0) => eventually('progress is shown', () => {
    if (program.over) throw new Error(`ended with ${program.code}: ${program.output}`);
    return progress(program.output.slice(from)).some((p) => p.of === ERGS);
  });
  // Graph does not get on, so that there is something to watch.
  await stack.control('POST', 'faults', { kind: 'delay', delay_ms: 100_000, path: '/teams', count: 0 });

  const first = admin('--all');
  await sees(first);
  const refused = await stack.api('POST', '/v1/resyncs', { scope: 'all' });
  assert.equal(refused.status, 409);
  const id = refused.json.resync;
  assert.ok(refused.json.detail.includes(id), refused.text);

  const second = admin();
  await eventually('the second hears that it runs', () => second.output.includes(`Resync ${id} of all is running since `));
  await sees(second);
  const impatient = await stack.ctl('resync', '--all', '--no-wait');
  assert.equal(impatient.code, 0, impatient.output);
  assert.match(impatient.output, new RegExp(`Resync ${id} of all is running since `));
  assert.equal(JSON.parse((await stack.ctl('--json', 'resync', '--no-wait')).output).id, id);
  const dry = await stack.ctl('resync', '--all', '--dry-run');
  assert.equal(dry.code, 1, 'what changes both sides is no answer to a dry run');
  assert.match(dry.output, new RegExp(`${id} .*is not a dry run`));

  /** Both watch on while it is away; it goes on with the same one. */
  async function restart(signal, times) {
    await stack.reconciler.kill(signal);
    await eventually('both notice', () => [first, second].every((p) => (p.output.match(/does not answer/g) ?? []).length === times));
    const seen = [first.output.length, second.output.length];
    await stack.startReconciler();
    return seen;
  }
  const seen = await restart('SIGKILL', 1);
  assert.equal((await stack.api('POST', '/v1/resyncs', { scope: 'all' })).json.resync, id, 'it is the same one');
  await sees(first, seen[0]);
  await sees(second, seen[1]);

  await stack.control('DELETE', 'faults');
  await restart('SIGTERM', 2);
  for (const program of [first, second]) {
    const { code } = await program.ended;
    assert.equal(code, 0, program.output);
    assert.match(program.output, new RegExp(`Resync done: ${ERGS}/${ERGS} ERGs`));
    assert.doesNotMatch(program.output, /failed/);
  }
  const { resyncs } = (await stack.api('GET', '/v1/resyncs')).json;
  assert.deepEqual(resyncs.map((r) => [r.id, r.state, r.errors]), [[id, 'done', []]]);
  const told = async () => (await stack.received()).filter((c) => c.event.type === 'ergsync.resync.done');
  await eventually('the app is told once', async () => (await told()).length === 1 && (await told())[0].event.data.id === id);
});
