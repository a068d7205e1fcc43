// ergsyncctl against the real daemon: every command, for people and as JSON, with the documented exit statuses.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Stack, build, eventually, runProgram } from './lib/stack.mjs';

test('ergsyncctl', async (t) => {
  const stack = await Stack.make(t);
  await stack.startSim();
  await stack.startApp();

  await t.test('init makes what is missing and never overwrites', async () => {
    for (const name of ['state.key', 'intake.key', 'callback.secret']) fs.rmSync(stack.file(name));
    stack.writeConfig();
    const first = await stack.ctl('init');
    assert.equal(first.code, 0, first.output);
    for (const name of ['state.key', 'intake.key', 'callback.secret']) {
      assert.equal(fs.statSync(stack.file(name)).mode & 0o777, 0o600);
      assert.match(first.output, new RegExp(name.replace('.', '\\.')));
    }
    const keys = fs.readFileSync(stack.file('state.key'));
    assert.equal((await stack.ctl('init')).code, 0);
    assert.deepEqual(fs.readFileSync(stack.file('state.key')), keys);
    assert.match(fs.readFileSync(stack.file('callback.secret'), 'utf8'), /^whsec_[A-Za-z0-9+/=]+\n?$/);
  });

  await t.test('init without a configuration writes a commented one', async () => {
    const directory = fs.mkdtempSync(stack.file('fresh-'));
    const made = await runProgram('ergsyncctl', ['--config', `${directory}/ergsync.conf`, 'init'], { env: { RUNTIME_DIRECTORY: directory } });
    assert.match(fs.readFileSync(`${directory}/ergsync.conf`, 'utf8'), /^# .*\npublic_url = /m, made.output);
  });

  await t.test('check: a verdict for each thing', async () => {
    const good = await stack.ctl('check');
    assert.equal(good.code, 0, good.output);
    assert.match(good.output, /ok|ready/i);
  });

  // The app's secret was made anew by init.
  await stack.app.kill();
  await stack.startApp();
  stack.writeConfig();
  assert.equal((await stack.ctl('status')).code, 3);
  assert.match((await stack.ctl('status')).output, /app\.sock/);
  await stack.startListener();
  await stack.startReconciler();
  const world = await stack.world({ users: 8, members: 3 });

  await t.test('tenant and ERG', async () => {
    let r = await stack.ctl('tenant', 'add', 'acme', '--directory-id', world.tenant, '--organizer', world.users[0].upn);
    assert.equal(r.code, 0, r.output);
    r = await stack.ctl('erg', 'add', 'pride', '--tenant', 'acme', '--name', 'Pride', '--channel-url', stack.teamUrl(world.tenant, world.team), '--meetings', 'off');
    assert.equal(r.code, 0, r.output);
    await stack.inSync();
    assert.match((await stack.ctl('tenant', 'list')).output, /acme.*active/);
    assert.match((await stack.ctl('erg', 'list')).output, /pride.*in_sync/);
    assert.equal(JSON.parse((await stack.ctl('--json', 'erg', 'show', 'pride')).output).state, 'in_sync');
    assert.equal(JSON.parse((await stack.ctl('tenant', 'show', 'acme', '--json')).output).directory_id, world.tenant);
    r = await stack.ctl('erg', 'add', 'other', '--tenant', 'acme', '--name', 'x', '--channel-url', 'https://teams.microsoft.com/l/meetup-join/x');
    assert.equal(r.code, 1);
    assert.match(r.output, /channel_url|meeting/);
    assert.equal((await stack.ctl('erg', 'show', 'none')).code, 1);
    assert.equal((await stack.ctl('erg', 'shew')).code, 2);
  });

  await t.test('an account signs in by a code, and its permissions are used', async () => {
    assert.match((await stack.ctl('tenant', 'sign-in', 'acme')).output, /sign_in.*delegated/);
    await stack.control('POST', 'settings', { device_interval_s: 1 });
    let r = await stack.ctl('tenant', 'add', 'acme', '--directory-id', world.tenant, '--organizer', world.users[0].upn, '--sign-in', 'delegated');
    assert.equal(r.code, 0, r.output);
    await eventually('the tenant asks for it', async () => /acme +sign_in_needed/.test((await stack.ctl('tenant', 'list')).output));
    assert.match((await stack.ctl('status')).output, /ergsyncctl tenant sign-in/);
    const waiting = stack.spawn('ergsyncctl', ['--config', stack.file('ergsync.conf'), 'tenant', 'sign-in', 'acme'], { env: { RUNTIME_DIRECTORY: '', NO_COLOR: '1' } });
    const [, user_code] = await eventually('a code is shown', () => waiting.output.match(/enter {2}([A-Z0-9]{9})\n/));
    await stack.control('POST', 'device', { tenant: world.tenant, user_code, user: world.users[0].upn });
    assert.equal((await waiting.ended).code, 0, waiting.output);
    assert.match(waiting.output, new RegExp(`Signed in as ${world.users[0].upn}`));
    await eventually('the tenant is active', async () => /acme +active/.test((await stack.ctl('tenant', 'list')).output));
    for (const name of fs.readdirSync(stack.file('state'), { recursive: true }).filter((f) => fs.statSync(stack.file(`state/${f}`)).isFile())) {
      assert.ok(!fs.readFileSync(stack.file(`state/${name}`)).includes('1.rt.'), `a refresh token is readable in ${name}`);
    }
    await stack.ctl('tenant', 'add', 'acme', '--directory-id', world.tenant, '--organizer', world.users[0].upn, '--sign-in', 'application');
    await eventually('the application signs in again', async () => /acme +active/.test((await stack.ctl('tenant', 'list')).output));
  });

  await t.test('members and subscriptions', async () => {
    const members = await stack.ctl('member', 'list', 'pride');
    assert.equal(members.output.match(/synced/g)?.length, 3, members.output);
    const listed = (await stack.ctl('subscriptions')).output;
    assert.match(listed, new RegExp(`teams/${world.team.id}/members`));
    assert.match(listed, /EXPIRES +RENEWED +PROVED/);
    assert.match(JSON.parse((await stack.ctl('--json', 'subscriptions')).output).subscriptions[0].proved_at, /^20\d\d-/);
    assert.equal(JSON.parse((await stack.ctl('--json', 'subscriptions')).output).subscriptions?.length ?? JSON.parse((await stack.ctl('--json', 'subscriptions')).output).length, 1);
  });

  await t.test('resync shows progress and ends', async () => {
    for (const args of [['--all'], ['--tenant', 'acme'], ['--erg', 'pride'], ['--erg', 'pride', '--dry-run']]) {
      const r = await stack.ctl('resync', ...args);
      assert.equal(r.code, 0, r.output);
      assert.match(r.output, /1\/1 ERGs/);
    }
    assert.equal((await stack.ctl('resync', '--erg', 'none')).code, 1);
    const started = await stack.ctl('--json', 'resync', '--no-wait');
    assert.equal(started.code, 0);
    assert.match(JSON.parse(started.output).id, /./);
  });

  await t.test('changes --follow shows a join as it happens', async () => {
    const follow = stack.spawn('ergsyncctl', ['--config', stack.file('ergsync.conf'), 'changes', '--follow'], { env: { RUNTIME_DIRECTORY: '', NO_COLOR: '1' } });
    await eventually('the past is shown', () => (follow.output.match(/member\.added/g) ?? []).length >= 3);
    await stack.control('POST', 'members', { op: 'add', team: world.team.id, user: world.users[6].id });
    await eventually('the join is shown', () => follow.output.includes(world.users[6].id));
    await follow.kill('SIGINT');
  });

  await t.test('status: one screen with a verdict first', async () => {
    const well = await stack.ctl('status');
    assert.match(well.output, /^All is well/);
    assert.ok(well.output.split('\n').length < 30);
    await stack.control('POST', 'faults', { kind: 'status', status: 404, code: 'NotFound', path: `/teams/${world.team.id}`, count: 0 });
    await stack.ctl('resync', '--erg', 'pride');
    const ill = await stack.ctl('status');
    assert.doesNotMatch(ill.output, /^All is well/);
    assert.match(ill.output, /broken/);
    assert.equal(JSON.parse((await stack.ctl('--json', 'status')).output).ergs.broken, 1);
  });

  await t.test('a resync that could not compare an ERG has failed', async () => {
    const team = await stack.control('POST', 'teams', { tenant: world.tenant, owners: [world.users[0].id] });
    await stack.ctl('erg', 'add', 'women', '--tenant', 'acme', '--name', 'Women', '--channel-url', stack.teamUrl(world.tenant, team), '--meetings', 'off');
    await stack.inSync('women');
    const r = await stack.ctl('resync', '--all');
    assert.match(r.output, /^Resync done: 2\/2 ERGs.*\n( .*\n)* {2}failed: erg:pride/m);
    assert.doesNotMatch(r.output, /were equal/);
    assert.equal(r.code, 1, r.output);
    assert.equal((await stack.ctl('resync', '--erg', 'women')).code, 0);
    await stack.ctl('erg', 'remove', 'women', '--yes');
  });

  await t.test('what cannot be written is not silently lost', async () => {
    const full = fs.openSync('/dev/full', 'w');
    for (const args of [['changes'], ['--json', 'changes'], ['status'], ['status', '--help']]) {
      const child = spawn(path.join(build, 'ergsyncctl'), ['--config', stack.file('ergsync.conf'), ...args], { stdio: ['ignore', full, 'ignore'], env: { RUNTIME_DIRECTORY: '' } });
      assert.equal(await new Promise((resolve) => child.on('exit', resolve)), 1, args.join(' '));
    }
    fs.closeSync(full);
  });

  await t.test('every command explains itself', async () => {
    const help = (await stack.ctl('--help')).output;
    for (const command of ['init', 'check', 'status', 'tenant add', 'erg add', 'member list', 'resync', 'plan show', 'changes', 'subscriptions']) {
      assert.match(help, new RegExp(`^ +${command}`, 'm'));
      const r = await stack.ctl(...command.split(' '), '--help');
      assert.equal(r.code, 0);
      assert.match(r.output, /^Usage: /);
    }
  });

  await t.test('removal', async () => {
    assert.equal((await stack.ctl('erg', 'remove', 'pride', '--yes')).code, 0);
    assert.equal((await stack.ctl('tenant', 'remove', 'acme', '--yes')).code, 0);
    await eventually('the tenant is gone', async () => (await stack.ctl('tenant', 'show', 'acme')).code === 1);
  });
});
