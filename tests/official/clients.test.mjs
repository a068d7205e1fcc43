// @azure/msal-node and @microsoft/microsoft-graph-client work with the simulator, so it may stand for Microsoft's; and what
// we sign is what they sign. Run by run.mjs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { ConfidentialClientApplication, PublicClientApplication } from '@azure/msal-node';
import { Client, PageIterator } from '@microsoft/microsoft-graph-client';
import { Stack, eventually } from '../e2e/lib/stack.mjs';

const directory = process.env.ERGSYNC_OFFICIAL;
const SCOPES = ['https://graph.microsoft.com/.default'];
const file = (name) => path.join(directory, name);
const clientId = crypto.randomUUID();
const clientSecret = 'secret with + & % in it';
const stack = new Stack();
let world;

/** RSA, self-signed, as an app registration takes it. */
function makeClientCertificate(name) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), '-days', '30', '-subj', `/CN=${name}`], { stdio: 'pipe' });
  const pem = fs.readFileSync(file(`${name}.pem`), 'utf8');
  const x509 = new crypto.X509Certificate(pem);
  const hex = (fingerprint) => fingerprint.replaceAll(':', '');
  return { pem, publicKey: x509.publicKey, privateKey: fs.readFileSync(file(`${name}.key`), 'utf8'), sha1: hex(x509.fingerprint), sha256: hex(x509.fingerprint256) };
}

const good = makeClientCertificate('good');
const stranger = makeClientCertificate('stranger');

/** What Microsoft's client needs to know of a sign-in service that is not Microsoft's. */
function authOf(tenant, id) {
  const authority = `${stack.simUrl}/${tenant}`;
  return {
    clientId: id, authority, knownAuthorities: [new URL(authority).host],
    authorityMetadata: JSON.stringify({ issuer: `${authority}/v2.0`, token_endpoint: `${authority}/oauth2/v2.0/token`, authorization_endpoint: `${authority}/oauth2/v2.0/authorize`, jwks_uri: `${authority}/discovery/v2.0/keys` }),
  };
}

/** Microsoft's client with one way to prove itself; bodies gets the token requests it sends. */
function msal(proof, { tenant = world.tenant, id = clientId, bodies } = {}) {
  const fetchJson = async (url, options, method) => {
    bodies?.push(new URLSearchParams(options.body));
    const answer = await fetch(url, { ...options, method });
    return { headers: Object.fromEntries(answer.headers), body: await answer.json(), status: answer.status };
  };
  return new ConfidentialClientApplication({
    auth: { ...authOf(tenant, id), ...proof },
    system: { protocolMode: 'OIDC', ...(bodies ? { networkClient: { sendGetRequestAsync: (u, o) => fetchJson(u, o, 'GET'), sendPostRequestAsync: (u, o) => fetchJson(u, o, 'POST') } } : {}) },
  });
}

const bySecret = { clientSecret };
const byCertificate = ({ sha256, privateKey }) => ({ clientCertificate: { thumbprintSha256: sha256, privateKey } });
const byOlderCertificate = ({ sha1, privateKey }) => ({ clientCertificate: { thumbprint: sha1, privateKey } });

async function refusedBy(application) {
  const error = await application.acquireTokenByClientCredential({ scopes: SCOPES }).then(() => assert.fail('a token was given'), (e) => e);
  return Number(/AADSTS(\d+)/.exec(error.errorMessage)?.[1]);
}

/** Microsoft's Graph client. */
function graphClient() {
  const application = msal(bySecret);
  return Client.init({
    baseUrl: `${stack.simUrl}/`, customHosts: new Set([new URL(stack.simUrl).hostname]),
    authProvider: (done) => application.acquireTokenByClientCredential({ scopes: SCOPES }).then(({ accessToken }) => done(null, accessToken), (e) => done(e, null)),
  });
}

before(async () => {
  stack.programs = new Set();
  stack.directory = directory;
  stack.options = {};
  stack.sim = stack.spawn('ergsync-graphsim', ['--listen', '127.0.0.1:0', '--tls-certificate', file('tls.pem'), '--tls-key', file('tls.key'), '--notification-ca', file('ca.pem'), '--seed', '11']);
  [, stack.simUrl] = await eventually('the simulator listens', () => {
    if (stack.sim.over) throw new Error(`ended with ${stack.sim.code}: ${stack.sim.output}`);
    return stack.sim.output.match(/listening on (https:\/\/\S+)/);
  });
  await stack.control('POST', 'apps', { client_id: clientId, client_secret: clientSecret, certificate: good.pem });
  world = await stack.world({ users: 60, members: 45 });
});

after(async () => {
  await stack.sim.kill();
  assert.doesNotMatch(stack.sim.output, /AddressSanitizer|runtime error:/);
});

for (const [name, proof] of [['a secret', () => bySecret], ['a certificate (PS256)', () => byCertificate(good)], ['a certificate (RS256)', () => byOlderCertificate(good)]]) {
  test(`msal-node gets a token by ${name}`, async () => {
    const token = await msal(proof()).acquireTokenByClientCredential({ scopes: SCOPES });
    assert.equal(token.tokenType, 'Bearer');
    assert.ok(token.expiresOn > Date.now() + 3_000_000);
    const answer = await fetch(`${stack.simUrl}/v1.0/teams/${world.team.id}`, { headers: { authorization: `Bearer ${token.accessToken}` } });
    assert.equal(answer.status, 200);
  });
}

test('msal-node is told why not, by the documented number', async () => {
  assert.equal(await refusedBy(msal({ clientSecret: 'wrong' })), 7000215);
  assert.equal(await refusedBy(msal(byCertificate(stranger))), 700027);
  assert.equal(await refusedBy(msal(byCertificate({ ...good, privateKey: stranger.privateKey }))), 700027);
  assert.equal(await refusedBy(msal(bySecret, { id: crypto.randomUUID() })), 700016);
  assert.equal(await refusedBy(msal(bySecret, { tenant: crypto.randomUUID() })), 90002);
  await stack.control('POST', 'consent', { tenant: world.tenant, consent: 'withdrawn' });
  assert.equal(await refusedBy(msal(bySecret)), 65001);
  await stack.control('POST', 'consent', { tenant: world.tenant, consent: 'granted' });
});

test('msal-node shows one assertion for ten minutes, which Microsoft allows and the simulator can', async () => {
  const application = msal(byCertificate(good));
  await application.acquireTokenByClientCredential({ scopes: SCOPES });
  await assert.rejects(application.acquireTokenByClientCredential({ scopes: SCOPES, skipCache: true }), /AADSTS50027/);
  await stack.control('POST', 'settings', { assertion_once: false });
  await application.acquireTokenByClientCredential({ scopes: SCOPES, skipCache: true });
  await stack.control('POST', 'settings', { assertion_once: true });
});

test('microsoft-graph-client reads all members, page by page', async () => {
  const everyone = await stack.membersInTeams(world.team.id);
  assert.equal(everyone.size, 45);
  const client = graphClient();
  const first = await client.api(`/teams/${world.team.id}/members`).top(10).get();
  assert.equal(first.value.length, 10);
  assert.ok(first['@odata.nextLink'].startsWith(`${stack.simUrl}/v1.0/teams/`));
  const found = [];
  await new PageIterator(client, first, (member) => found.push(member)).iterate();
  assert.deepEqual(new Set(found.map((m) => m.userId)), everyone);
  assert.equal(found.length, 45);
  assert.ok(found.every((m) => m['@odata.type'] === '#microsoft.graph.aadUserConversationMember'));
});

test('microsoft-graph-client waits as long as a 429 says, then gets its answer', async () => {
  await stack.control('POST', 'faults', { kind: 'status', status: 429, retry_after_s: 2, path: `/teams/${world.team.id}`, count: 1 });
  const begin = Date.now();
  const team = await graphClient().api(`/teams/${world.team.id}`).get();
  assert.equal(team.id, world.team.id);
  assert.ok(Date.now() - begin >= 1900, `${Date.now() - begin} ms`);
});

test('microsoft-graph-client is told of a missing permission in Graph\'s words', async () => {
  await stack.control('POST', 'permissions', { tenant: world.tenant, withdraw: ['TeamMember.Read.All', 'TeamMember.ReadWrite.All'] });
  const error = await graphClient().api(`/teams/${world.team.id}/members`).get().then(() => assert.fail('it was allowed'), (e) => e);
  assert.equal(error.statusCode, 403);
  assert.ok(error.code && error.requestId);
  await stack.control('POST', 'permissions', { tenant: world.tenant, grant: ['TeamMember.Read.All', 'TeamMember.ReadWrite.All'] });
});

test('microsoft-graph-client creates, lists, renews and deletes a subscription; its endpoint hears of a change', async (t) => {
  const told = [];
  const endpoint = https.createServer({ cert: fs.readFileSync(file('tls.pem')), key: fs.readFileSync(file('tls.key')) }, (q, a) => {
    const token = new URL(q.url, 'https://h').searchParams.get('validationToken');
    const parts = [];
    q.on('data', (part) => parts.push(part));
    q.on('end', () => {
      if (token === null) told.push(...JSON.parse(Buffer.concat(parts)).value);
      a.writeHead(token === null ? 202 : 200, { 'Content-Type': 'text/plain' }).end(token ?? '');
    });
  });
  await new Promise((done) => endpoint.listen(0, '127.0.0.1', done));
  t.after(() => { endpoint.closeAllConnections(); endpoint.close(); });
  const url = `https://localhost:${endpoint.address().port}`;
  const client = graphClient();
  const in50Minutes = () => new Date(Date.now() + 50 * 60_000).toISOString();
  const made = await client.api('/subscriptions').post({ changeType: 'created,updated,deleted', resource: `/teams/${world.team.id}/members`, notificationUrl: `${url}/n`, lifecycleNotificationUrl: `${url}/l`, clientState: 'ours', expirationDateTime: in50Minutes() });
  assert.match(made.id, /^[0-9a-f-]{36}$/);
  assert.deepEqual((await client.api('/subscriptions').get()).value.map((s) => s.id), [made.id]);
  await stack.control('POST', 'members', { op: 'add', team: world.team.id, user: world.users[50].id });
  const item = await eventually('a notification', () => told.find((i) => i.changeType === 'created'), { within: 10_000 });
  assert.equal(item.subscriptionId, made.id);
  assert.equal(item.clientState, 'ours');
  const renewed = await client.api(`/subscriptions/${made.id}`).patch({ expirationDateTime: in50Minutes() });
  assert.ok(renewed.expirationDateTime >= made.expirationDateTime);
  await client.api(`/subscriptions/${made.id}`).delete();
  assert.deepEqual((await client.api('/subscriptions').get()).value, []);
});

/** Microsoft's client for people; decide says what the person does with the code. */
async function signInByCode(decide) {
  const application = new PublicClientApplication({ auth: authOf(world.tenant, clientId), system: { protocolMode: 'OIDC' } });
  const shown = [];
  const deviceCodeCallback = (code) => { shown.push(code); decide(code); };
  const token = await application.acquireTokenByDeviceCode({ scopes: SCOPES, deviceCodeCallback });
  return { application, token, shown };
}

test('msal-node signs a person in by device code, and again by the refresh token', async () => {
  const [person] = world.users;
  await stack.control('POST', 'settings', { device_interval_s: 1 });
  const approve = (code) => setTimeout(() => stack.control('POST', 'device', { tenant: world.tenant, user_code: code.userCode, user: person.upn }), 1500);
  const { application, token, shown } = await signInByCode(approve);
  assert.match(shown[0].userCode, /^[A-Z0-9]{9}$/);
  assert.equal(shown[0].verificationUri, 'https://microsoft.com/devicelogin');
  assert.equal(token.account.username, person.upn);
  assert.equal(token.account.tenantId, world.tenant);
  const answer = await fetch(`${stack.simUrl}/v1.0/teams/${world.team.id}`, { headers: { authorization: `Bearer ${token.accessToken}` } });
  assert.equal(answer.status, 200);
  const again = await application.acquireTokenSilent({ account: token.account, scopes: SCOPES, forceRefresh: true });
  assert.notEqual(again.accessToken, token.accessToken);
  await stack.control('POST', 'refresh', { tenant: world.tenant, end: 50173 });
  await assert.rejects(application.acquireTokenSilent({ account: token.account, scopes: SCOPES, forceRefresh: true }), /AADSTS50173/);
});

test('msal-node is told when the person declines', async () => {
  const decline = (code) => stack.control('POST', 'device', { tenant: world.tenant, user_code: code.userCode, decision: 'decline' });
  await assert.rejects(signInByCode(decline), /authorization_declined/);
  await stack.control('POST', 'settings', { device_interval_s: 5 });
});

// --- our assertion ---

function decode(jwt) {
  const [header, claims, signature] = jwt.split('.');
  const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));
  return { header: json(header), claims: json(claims), signature: Buffer.from(signature, 'base64url'), plain: Buffer.from(`${header}.${claims}`) };
}

function ours(algorithm, audience) {
  return execFileSync(process.env.ERGSYNC_ASSERTION, [file('good.pem'), file('good.key'), algorithm, clientId, audience], { encoding: 'utf8' }).trim();
}

const paddings = {
  PS256: { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  RS256: { padding: crypto.constants.RSA_PKCS1_PADDING },
};
const shape = (object) => Object.fromEntries(Object.entries(object).map(([name, value]) => [name, typeof value]).sort());

for (const [algorithm, proof] of [['PS256', byCertificate], ['RS256', byOlderCertificate]]) {
  test(`our ${algorithm} assertion is verified by Node's crypto, and says what msal-node's says`, async () => {
    const bodies = [];
    await msal(proof(good), { bodies }).acquireTokenByClientCredential({ scopes: SCOPES });
    const body = bodies.at(-1);
    const theirs = decode(body.get('client_assertion'));
    const jwt = ours(algorithm, theirs.claims.aud);
    const own = decode(jwt);
    assert.match(jwt, /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);
    for (const one of [own, theirs]) assert.ok(crypto.verify('sha256', one.plain, { key: good.publicKey, ...paddings[algorithm] }, one.signature));
    assert.ok(!crypto.verify('sha256', own.plain, { key: stranger.publicKey, ...paddings[algorithm] }, own.signature));
    assert.equal(own.signature.length, theirs.signature.length);
    assert.deepEqual(own.header, theirs.header, 'header: the same names and values');
    assert.deepEqual(shape(own.claims), shape(theirs.claims), 'claims: the same names and types');
    for (const name of ['aud', 'iss', 'sub']) assert.equal(own.claims[name], theirs.claims[name], name);
    for (const { claims } of [own, theirs]) {
      assert.equal(claims.exp - claims.nbf, 600);
      assert.ok(Math.abs(claims.iat - claims.nbf) <= 1, 'msal-node reads its clock twice');
      assert.match(claims.jti, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    }
    assert.notEqual(own.claims.jti, decode(ours(algorithm, theirs.claims.aud)).claims.jti);
    assert.equal(body.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
  });

  test(`msal-node gets a token with our ${algorithm} assertion in its hands`, async () => {
    const clientAssertion = ours(algorithm, `${stack.simUrl}/${world.tenant}/oauth2/v2.0/token`);
    const token = await msal({ clientAssertion }).acquireTokenByClientCredential({ scopes: SCOPES });
    assert.ok(token.accessToken);
    assert.equal(await refusedBy(msal({ clientAssertion: clientAssertion.slice(0, -8) + 'AAAAAAAA' })), 700027);
    assert.equal(await refusedBy(msal({ clientAssertion: ours(algorithm, `${stack.simUrl}/${crypto.randomUUID()}/oauth2/v2.0/token`) })), 700023);
  });
}
