// Signing in with a certificate: in sync with a good one; what to do is said with a wrong one; SIGHUP takes another certificate or
// secret without a restart.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually, runProgram, sameSet } from './lib/stack.mjs';

/** RSA and self-signed, as an app registration takes it. */
function makePair(stack, name, days = 365) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', stack.file(`${name}.key`), '-out', stack.file(`${name}.pem`), '-days', String(days), '-subj', `/CN=${name}`], { stdio: 'pipe' });
}

function use(stack, name) {
  for (const kind of ['pem', 'key']) fs.copyFileSync(stack.file(`${name}.${kind}`), stack.file(`client.${kind}`));
}

function register(stack, ...names) {
  const certificate = names.map((name) => fs.readFileSync(stack.file(`${name}.pem`), 'utf8')).join('');
  return stack.control('POST', 'apps', { client_id: stack.clientId, certificate });
}

/** SIGHUP, and its line in the log. */
async function reload(stack, event = 'reloaded') {
  const lines = () => stack.reconciler.output.split(`event=${event}`).length;
  const before = lines();
  stack.reconciler.child.kill('SIGHUP');
  await eventually(`the log says ${event}`, () => lines() > before);
}

function tenantIs(stack, state, detail = /^/) {
  return eventually(`the tenant is ${state}`, async () => {
    const { json } = await stack.api('GET', '/v1/tenants/acme');
    if (json.state !== state || !detail.test(json.detail ?? '')) throw new Error(JSON.stringify(json));
    return json;
  }, { within: 30_000 });
}

/** Ends all tokens and lets somebody join: only a new sign-in can see it. */
async function joinAfterSignIn(stack, world, person) {
  await stack.control('POST', 'expire', { tokens: true });
  await stack.control('POST', 'members', { op: 'add', team: world.team.id, user: world.users[person].id });
}

function seesAll(stack, world) {
  return eventually('both sides are equal', async () => sameSet(await stack.membersByFeed(), await stack.membersInTeams(world.team.id)), { within: 30_000 });
}

test('a certificate instead of a secret', async (t) => {
  const stack = await Stack.make(t, { config: { graph: { client_secret_file: null, client_certificate: 'client.pem', client_key: 'client.key' } } });
  for (const name of ['good', 'next', 'stranger']) makePair(stack, name);
  makePair(stack, 'short', 10);
  use(stack, 'stranger');
  await stack.start();
  await register(stack, 'good');
  const world = await stack.world({ users: 12, members: 4 });

  await t.test('a wrong one: unreachable, and what to do', async () => {
    await stack.api('PUT', '/v1/tenants/acme', { directory_id: world.tenant, organizer: world.users[0].upn });
    const tenant = await tenantIs(stack, 'unreachable', /AADSTS700027/);
    assert.match(tenant.detail, /Upload client_certificate to the app registration/);
  });

  await t.test('SIGHUP with the good one recovers', async () => {
    use(stack, 'good');
    await reload(stack);
    await tenantIs(stack, 'active');
    await stack.link(world);
    await stack.inSync();
  });

  await t.test('a pair that does not belong together is refused, the former stays in use', async () => {
    fs.copyFileSync(stack.file('next.pem'), stack.file('client.pem'));
    await reload(stack, 'reload_refused');
    assert.match(stack.reconciler.output, /client\.key is not the key of \S*client\.pem/);
    const check = await runProgram('ergsync-reconciler', ['--config', stack.file('ergsync.conf'), '--check']);
    assert.notEqual(check.code, 0);
    assert.match(check.output, /client\.key is not the key of \S*client\.pem/);
    await joinAfterSignIn(stack, world, 6);
    await seesAll(stack, world);
  });

  await t.test('rotation: both registered, the next in use, the former withdrawn', async () => {
    await register(stack, 'good', 'next');
    use(stack, 'next');
    await reload(stack);
    await register(stack, 'next');
    await joinAfterSignIn(stack, world, 7);
    await seesAll(stack, world);
    await tenantIs(stack, 'active');
  });

  await t.test('the older algorithm by configuration, and a warning of a near end', async () => {
    await register(stack, 'short');
    use(stack, 'short');
    stack.writeConfig({ graph: { ...stack.options.config.graph, assertion_algorithm: 'RS256' } });
    await reload(stack);
    await joinAfterSignIn(stack, world, 8);
    await seesAll(stack, world);
    await eventually('the warning', () => /event=client_certificate_expires_soon days_left=9\b/.test(stack.reconciler.output));
  });

  await t.test('nothing secret in the log, no assertion shown twice', async () => {
    assert.doesNotMatch(stack.reconciler.output, /eyJ|PRIVATE KEY|client_assertion/);
    const { entries } = await stack.control('GET', 'journal');
    assert.ok(!entries.some((e) => /malformed|used before/.test(e.detail ?? '')), JSON.stringify(entries));
  });
});

test('another secret, then a certificate instead, by SIGHUP', async (t) => {
  const stack = await Stack.make(t);
  makePair(stack, 'good');
  await stack.start();
  const certificate = fs.readFileSync(stack.file('good.pem'), 'utf8');
  await stack.control('POST', 'apps', { client_id: stack.clientId, client_secret: stack.clientSecret, certificate });
  const world = await stack.world({ users: 12, members: 4 });
  await stack.link(world);
  await stack.inSync();

  await t.test('a secret that no longer holds: unreachable, and what to do', async () => {
    await stack.control('POST', 'apps', { client_id: stack.clientId, client_secret: 'the next one', certificate });
    await joinAfterSignIn(stack, world, 6);
    const tenant = await tenantIs(stack, 'unreachable', /AADSTS7000215/);
    assert.match(tenant.detail, /client_secret_file/);
  });

  await t.test('the new secret recovers', async () => {
    fs.writeFileSync(stack.file('client.secret'), 'the next one\n', { mode: 0o600 });
    await reload(stack);
    await tenantIs(stack, 'active');
    await seesAll(stack, world);
  });

  await t.test('a certificate takes over from the secret', async () => {
    use(stack, 'good');
    stack.writeConfig({ graph: { client_secret_file: null, client_certificate: 'client.pem', client_key: 'client.key' } });
    await reload(stack);
    await stack.control('POST', 'apps', { client_id: stack.clientId, certificate });
    await joinAfterSignIn(stack, world, 7);
    await seesAll(stack, world);
    assert.doesNotMatch(stack.reconciler.output, /\[graph\] client_\w+ changed; that takes effect after a restart/);
  });
});
