// The units forbid system calls (SystemCallFilter=): the optimised daemons, watched at work from start to end, need none of those.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

const root = path.resolve(new URL('../..', import.meta.url).pathname);
const release = process.env.ERGSYNC_RELEASE ?? path.join(root, 'build/release');
const daemons = ['ergsync-listener', 'ergsync-reconciler'];

// The stack starts what is in this folder: daemons under a tracer that is not their parent, so that signals reach them.
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ergsync-syscalls-'));
for (const name of ['ergsyncctl', 'ergsync-graphsim', 'ergsync-appsim']) fs.symlinkSync(path.join(release, name), path.join(folder, name));
for (const name of daemons) {
  fs.writeFileSync(path.join(folder, name), `#!/bin/sh\nexec strace -D -f -o '${folder}/${name}.trace' '${release}/${name}' "$@"\n`, { mode: 0o755 });
}
process.env.ERGSYNC_BUILD = folder;
const { Stack, eventually } = await import('../e2e/lib/stack.mjs');
const { Poster, memberItem } = await import('../e2e/lib/poster.mjs');

/** What the filter lines of a unit allow, sets resolved as systemd does. */
function allowed(unit) {
  const sets = new Map();
  let current;
  for (const line of execFileSync('systemd-analyze', ['syscall-filter', '--no-pager'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')) {
    if (line.startsWith('@')) sets.set(line.trim(), current = []);
    else if (/^\s+[^#\s]/.test(line)) current.push(line.trim());
  }
  const resolve = (name) => (name.startsWith('@') ? sets.get(name).flatMap(resolve) : [name]);
  const calls = new Set(resolve('@default'));
  for (const [, not, names] of fs.readFileSync(unit, 'utf8').matchAll(/^SystemCallFilter=(~?)(.*)$/gm)) {
    for (const call of names.split(' ').flatMap(resolve)) not ? calls.delete(call) : calls.add(call);
  }
  return calls;
}

test('no daemon needs a system call that its unit forbids', async (t) => {
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 10, members: 5 });
  await stack.link(world);
  await stack.inSync();
  const [subscription] = (await stack.control('GET', 'subscriptions')).subscriptions;
  const poster = new Poster(stack);
  for (let i = 0; i < 20; i++) assert.equal(await poster.post([memberItem(subscription, world.tenant, world.team.id, `m${i}`)]), 202);
  poster.close();
  await stack.control('POST', 'members', { op: 'add', team: world.team.id, user: world.users[7].id });
  await eventually('the join is told', async () => (await stack.received()).some((r) => r.event.data.entra_id === world.users[7].id));
  await stack.api('POST', '/v1/resyncs', { scope: 'all' });
  await stack.ctl('status');
  for (const daemon of [stack.listener, stack.reconciler]) daemon.child.kill('SIGHUP');
  await eventually('both have reloaded', () => [stack.listener, stack.reconciler].every((d) => /reload|certificate_loaded/.test(d.output)));
  for (const daemon of [stack.reconciler, stack.listener]) assert.deepEqual(await daemon.kill(), { code: 0, signal: null }, daemon.output.slice(-1000));

  for (const name of daemons) {
    const trace = await eventually(`the trace of ${name} is whole`, () => {
      const text = fs.readFileSync(path.join(folder, `${name}.trace`), 'utf8');
      return /\+\+\+ exited with 0 \+\+\+\s*$/.test(text) && text;
    });
    const used = new Set([...trace.matchAll(/^\d+\s+(?:<\.\.\. )?([a-z][a-z0-9_]*)(?:\(| resumed)/gm)].map(([, call]) => call));
    assert.ok(used.size > 30 && used.has('fdatasync'), [...used].join(' '));
    const filter = allowed(path.join(root, 'systemd/hardening.in'));
    assert.deepEqual([...used].filter((call) => !filter.has(call)), [], name);
    assert.doesNotMatch(trace, /PROT_WRITE\|PROT_EXEC|PROT_EXEC\|PROT_WRITE/, 'MemoryDenyWriteExecute');
    const families = new Set([...trace.matchAll(/\bsocket\((AF_[A-Z0-9]+)/g)].map(([, family]) => family));
    const [, unitFamilies] = fs.readFileSync(path.join(root, `systemd/${name}.service.in`), 'utf8').match(/^RestrictAddressFamilies=(.*)$/m);
    // The listener opens its own port here; under systemd it is passed one. AF_NETLINK is the resolver's, which does without.
    const beyond = [...families].filter((f) => !unitFamilies.split(' ').includes(f) && f !== 'AF_NETLINK' && !(name === 'ergsync-listener' && f.startsWith('AF_INET')));
    assert.deepEqual(beyond, [], name);
    t.diagnostic(`${name}: ${used.size} system calls, none forbidden`);
  }
});
