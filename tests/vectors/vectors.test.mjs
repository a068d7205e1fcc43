// Validation tokens and encrypted items made by the jose and openssl commands, good and hostile: our code takes the good ones and no other.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'ergsync-vectors-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name, content) => { const path = join(folder, name); writeFileSync(path, content, { mode: 0o600 }); return path; };

function command(name, args, input) {
  const { status, stdout, stderr, error } = spawnSync(name, args, { input, maxBuffer: 1 << 24 });
  assert.equal(status, 0, `${name} ${args.join(' ')}: ${error ?? stderr}`);
  return stdout;
}

/** Asks the checker all questions at once. */
function ask(questions) {
  const { status, stdout, stderr } = spawnSync(process.env.ERGSYNC_VECTORS, [], { input: questions.map((q) => `${JSON.stringify(q)}\n`).join(''), maxBuffer: 1 << 24 });
  assert.equal(status, 0, `the checker ended with ${status}: ${stderr}`);
  const answers = stdout.toString().trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(answers.length, questions.length);
  return answers;
}

const tenant = '10000000-0000-4000-8000-00000000000a';
const other = '20000000-0000-4000-8000-00000000000b';
const client = '11111111-1111-4111-8111-111111111111';
const publisher = '0bf30f3b-4a52-48df-9a82-234910c4a086';
const now = 1_795_000_000;
const login = 'https://login.microsoftonline.com';
const base64url = (data) => Buffer.from(data).toString('base64url');

// ---- tokens ----

const makeKey = (template) => JSON.parse(command('jose', ['jwk', 'gen', '-i', JSON.stringify(template)]));
const rsa = (kid) => ({ ...makeKey({ alg: 'RS256', kty: 'RSA', bits: 2048 }), kid });
const publicOf = ({ kty, n, e, kid }) => ({ kty, use: 'sig', kid, x5t: kid, n, e });
const signer = rsa('signer-1'), second = rsa('signer-2'), stranger = rsa('signer-1');
// The jose command makes no weak keys: this one, and what it signs, is openssl's.
const weakKey = join(folder, 'weak-signer.pem');
command('openssl', ['genrsa', '-out', weakKey, '1024']);
const small = { ...createPublicKey(readFileSync(weakKey)).export({ format: 'jwk' }), kid: 'small' };
function signWeakly(payload) {
  const text = `${base64url(JSON.stringify({ alg: 'RS256', kid: 'small' }))}.${base64url(JSON.stringify(payload))}`;
  return `${text}.${command('openssl', ['dgst', '-sha256', '-sign', weakKey], text).toString('base64url')}`;
}
const keys = { keys: [publicOf(signer), publicOf(second), publicOf(small)] };
const v2 = { aud: client, iss: `${login}/${tenant}/v2.0`, tid: tenant, azp: publisher, ver: '2.0', iat: now - 60, nbf: now - 60, exp: now + 3600 };
const v1 = { aud: client, iss: `https://sts.windows.net/${tenant}/`, tid: tenant, appid: publisher, ver: '1.0', iat: now - 60, nbf: now - 60, exp: now + 3600 };

/** Signed by the jose command; payload and header as given. */
function sign(payload, key = signer, header = {}) {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const path = file('signing.jwk', JSON.stringify(key));
  return command('jose', ['jws', 'sig', '-I', '-', '-s', JSON.stringify({ protected: { alg: key.alg, kid: key.kid, typ: 'JWT', ...header } }), '-k', path, '-c'], text).toString().trim();
}
const change = (object, changes) => Object.fromEntries(Object.entries({ ...object, ...changes }).filter(([, value]) => value !== undefined));
const claims = (changes) => sign(change(v2, changes));
const old = (changes) => sign(change(v1, changes));
const good2 = sign(v2), good1 = sign(v1);
const [head, body, signature] = good2.split('.');
const header = (object) => base64url(typeof object === 'string' ? object : JSON.stringify(object));
const flip = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
const question = (token, more = {}) => ({ token, keys, client_id: client, tenant, login_url: login, now_s: now, ...more });

test('tokens as Microsoft makes them are taken', () => {
  const china = 'https://login.partner.microsoftonline.cn';
  const cases = {
    'version 2': question(good2), 'version 1': question(good1), 'second key': question(sign(v2, second)),
    'no nbf': question(claims({ nbf: undefined })), 'clock 4 minutes slow': question(claims({ nbf: now + 240 })),
    'clock 4 minutes fast': question(claims({ exp: now - 240 })), 'ids in capitals': question(claims({ tid: tenant.toUpperCase(), aud: client.toUpperCase() })),
    'with more claims': question(claims({ uti: 'x', rh: '0.A', nested: { deep: [1, 2] } })),
    'China, version 1': question(old({ iss: `https://sts.chinacloudapi.cn/${tenant}/` }), { login_url: china }),
    'China, version 2': question(claims({ iss: `${china}/${tenant}/v2.0` }), { login_url: china }),
    'a stand-in on this machine': question(good2, { login_url: 'http://127.0.0.1:9999' }),
    'a stand-in on this machine, over TLS': question(good2, { login_url: 'https://localhost:9999' }),
  };
  ask(Object.values(cases)).forEach((answer, i) => assert.deepEqual(answer, { err: 'ok', why: '' }, Object.keys(cases)[i]));
});

test('a token checked against the tenant that it names itself', () => {
  const cases = {
    'of another tenant': [claims({ tid: other, iss: `${login}/${other}/v2.0` }), 'ok'], 'the older version': [old({ tid: other, iss: `https://sts.windows.net/${other}/` }), 'ok'],
    'issuer of another': [claims({ tid: other }), 'unauthorized'], 'signed by a stranger': [sign(change(v2, { tid: other, iss: `${login}/${other}/v2.0` }), stranger), 'unauthorized'],
    'tid missing': [claims({ tid: undefined }), 'malformed'], 'tid no id': [claims({ tid: 'common' }), 'malformed'], 'tid a list': [claims({ tid: [tenant] }), 'malformed'],
    'no JWT': ['nonsense', 'malformed'], 'too long': [`${head}.${body}.${'A'.repeat(9000)}`, 'malformed'],
  };
  ask(Object.values(cases).map(([token]) => question(token, { its_own: true })))
    .forEach((answer, i) => assert.equal(answer.err, Object.values(cases)[i][1], `${Object.keys(cases)[i]}: ${JSON.stringify(answer)}`));
});

test('hostile tokens are refused, every one', () => {
  const secret = { kty: 'oct', alg: 'HS256', kid: 'signer-1', k: base64url(JSON.stringify(publicOf(signer))) };
  const modulus = { kty: 'oct', alg: 'HS256', kid: 'signer-1', k: signer.n };
  const ps = { ...signer, alg: 'PS256' }, rs512 = { ...signer, alg: 'RS512' };
  const ec = { ...makeKey({ alg: 'ES256', kty: 'EC', crv: 'P-256' }), kid: 'signer-1' };
  const cases = {
    'alg none, no signature': `${header({ alg: 'none', kid: 'signer-1' })}.${body}.`,
    'alg none, some signature': `${header({ alg: 'none', kid: 'signer-1' })}.${body}.${signature}`,
    'alg None': `${header({ alg: 'None', kid: 'signer-1' })}.${body}.${signature}`,
    'alg missing': `${header({ kid: 'signer-1' })}.${body}.${signature}`,
    'alg a number': `${header({ alg: 256, kid: 'signer-1' })}.${body}.${signature}`,
    'alg in lower case': `${header({ alg: 'rs256', kid: 'signer-1' })}.${body}.${signature}`,
    'HS256 by the public key': sign(v2, secret), 'HS256 by the modulus': sign(v2, modulus),
    'PS256 by the right key': sign(v2, ps), 'RS512 by the right key': sign(v2, rs512), 'ES256': sign(v2, ec),
    'another key of the same id': sign(v2, stranger),
    'a key that is in the header': sign(v2, stranger, { jwk: publicOf(stranger) }),
    'a key at an address': sign(v2, stranger, { jku: 'https://evil.example/keys', x5u: 'https://evil.example/c' }),
    'a weak key, even if it were in the set': signWeakly(v2),
    'kid unknown': sign(v2, { ...signer, kid: 'signer-9' }), 'kid missing': sign(v2, signer, { kid: undefined }).replace(/^[^.]+/, header({ alg: 'RS256' })),
    'kid a path': sign(v2, { ...signer, kid: '../../etc/passwd' }), 'kid a URL': sign(v2, { ...signer, kid: 'https://evil.example' }),
    'kid too long': sign(v2, { ...signer, kid: 'k'.repeat(129) }), 'kid empty': sign(v2, { ...signer, kid: '' }),
    'kid a list': `${header({ alg: 'RS256', kid: ['signer-1'] })}.${body}.${signature}`,
    'a critical extension': sign(v2, signer, { crit: ['exp'], exp: now }), 'unencoded payload': `${header({ alg: 'RS256', kid: 'signer-1', b64: false })}.${body}.${signature}`,
    'expired': claims({ exp: now - 301 }), 'not yet valid': claims({ nbf: now + 301 }), 'no expiry': claims({ exp: undefined }),
    'expiry a text': claims({ exp: `${now + 3600}` }), 'expiry a real': claims({ exp: now + 0.5 }), 'nbf a text': claims({ nbf: 'yesterday' }),
    'for another app': claims({ aud: other }), 'for several apps': claims({ aud: [client, other] }), 'no audience': claims({ aud: undefined }),
    'of another tenant': claims({ tid: other, iss: `${login}/${other}/v2.0` }), 'tid of ours, issuer of another': claims({ iss: `${login}/${other}/v2.0` }),
    'tid of another, issuer of ours': claims({ tid: other }), 'no tid': claims({ tid: undefined }),
    'issuer common': claims({ iss: `${login}/common/v2.0` }), 'issuer of another host': claims({ iss: `https://login.evil.example/${tenant}/v2.0` }),
    'issuer with a tail': claims({ iss: `${login}/${tenant}/v2.0/` }), 'no issuer': claims({ iss: undefined }),
    'version 1 from the issuer of version 2': old({ iss: `${login}/${tenant}/v2.0` }), 'version 2 from the issuer of version 1': claims({ iss: `https://sts.windows.net/${tenant}/` }),
    'version 3': claims({ ver: '3.0' }), 'no version': claims({ ver: undefined }),
    'published by another app': claims({ azp: other }), 'no publisher': claims({ azp: undefined }), 'publisher under the other name': claims({ azp: undefined, appid: publisher }),
    'version 1, publisher under the other name': old({ appid: undefined, azp: publisher }),
    'payload changed': `${head}.${flip(body, 20)}.${signature}`, 'payload of another': `${head}.${good1.split('.')[1]}.${signature}`,
    'signature changed': `${head}.${body}.${flip(signature, 40)}`, 'signature cut': `${head}.${body}.${signature.slice(0, -4)}`,
    'signature longer': `${head}.${body}.${signature}AAAA`, 'signature empty': `${head}.${body}.`, 'signature padded': `${head}.${body}.${signature}==`,
    'signature in plain base64': `${head}.${body}.${Buffer.from(signature, 'base64url').toString('base64')}+/`,
    'white space': `${head}.${body}. ${signature}`, 'a newline behind': `${good2}\n`,
    'two parts': `${head}.${body}`, 'four parts': `${good2}.AAAA`, 'five parts, as encrypted ones have': `${head}.AA.AA.AA.AA`, 'one part': head, 'dots': '..',
    'header no JSON': `${header('nonsense')}.${body}.${signature}`, 'header a list': `${header('[]')}.${body}.${signature}`,
    'header with a member twice': `${header('{"alg":"none","alg":"RS256","kid":"signer-1"}')}.${body}.${signature}`,
    'payload no JSON': sign('nonsense'), 'payload a list': sign('[]'), 'payload with a member twice': sign(`{"tid":"${other}",${JSON.stringify(v2).slice(1)}`),
    'payload deep': sign(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`), 'payload with a NUL': sign('{"aud":"\\u0000"}'),
    'too long': `${head}.${body}.${'A'.repeat(9000)}`, 'truncated in the middle': good2.slice(0, 200),
  };
  assert.ok(Object.keys(cases).length >= 40);
  ask(Object.values(cases).map((token) => question(token)))
    .forEach((answer, i) => assert.notEqual(answer.err, 'ok', `${Object.keys(cases)[i]}: ${JSON.stringify(answer)}`));
  console.log(`${Object.keys(cases).length} hostile tokens refused`);
});

test('key sets that must not be trusted', () => {
  const good = publicOf(signer);
  const sets = {
    'no set': undefined, 'empty': { keys: [] }, 'not a list': { keys: {} }, 'the id twice': { keys: [good, publicOf(stranger)] },
    'for encryption': { keys: [{ ...good, use: 'enc' }] }, 'of another algorithm': { keys: [{ ...good, alg: 'RS512' }] },
    'exponent 3': { keys: [{ ...good, e: 'Aw' }] }, 'exponent even': { keys: [{ ...good, e: base64url(Buffer.from([1, 0, 2])) }] },
    'no modulus': { keys: [{ ...good, n: undefined }] }, 'modulus with padding': { keys: [{ ...good, n: `${good.n}==` }] },
    'modulus huge': { keys: [{ ...good, n: 'A'.repeat(20000) }] }, 'a secret': { keys: [{ kty: 'oct', kid: 'signer-1', k: 'AAAA' }] },
    'entries of other types': { keys: [null, 1, 'x', []] },
  };
  ask(Object.values(sets).map((set) => question(good2, { keys: set })))
    .forEach((answer, i) => assert.notEqual(answer.err, 'ok', Object.keys(sets)[i]));
});

// ---- items ----

const keyFolder = join(folder, 'keys'), newer = join(folder, 'newer');
mkdirSync(keyFolder);
mkdirSync(newer);
const openssl = (...args) => command('openssl', args);

function makeCertificate(target, name, { algorithm = 'rsa:2048', from = '20260101000000Z', until = '20280101000000Z' } = {}) {
  const key = join(folder, `${name}.key`), request = join(folder, `${name}.csr`), certificate = join(folder, `${name}.crt`);
  openssl('req', '-new', '-newkey', algorithm, '-nodes', '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
  const database = join(folder, `${name}.db`);
  mkdirSync(database);
  writeFileSync(join(database, 'index.txt'), '');
  const configuration = file(`${name}.cnf`, `[ca]\ndefault_ca=x\n[x]\ndatabase=${database}/index.txt\nnew_certs_dir=${database}\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`);
  openssl('ca', '-batch', '-selfsign', '-config', configuration, '-in', request, '-keyfile', key, '-out', certificate, '-startdate', from, '-enddate', until, '-notext');
  writeFileSync(join(target, `${name}.pem`), readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
  const thumbprint = openssl('x509', '-in', certificate, '-noout', '-fingerprint', '-sha1').toString().split('=')[1].trim().replaceAll(':', '');
  openssl('x509', '-in', certificate, '-pubkey', '-noout', '-out', join(folder, `${name}.pub`));
  return { name, thumbprint };
}
const current = makeCertificate(keyFolder, 'k2026-01');
const former = makeCertificate(keyFolder, 'k2025-06', { from: '20250601000000Z', until: '20270601000000Z' });
const foreign = makeCertificate(newer, 'k2026-09');

const resource = JSON.stringify({ id: '/MCMjMSMj', roles: ['owner'], displayName: 'Ünsal Ågren', userId: '30000000-0000-4000-8000-000000000003', email: null });
const random = (bytes) => openssl('rand', String(bytes));

/** One item by the openssl command, part by part. */
function seal({ key = random(32), plain = resource, to = current, hash = 'sha1', mode = 'oaep', macKey, iv, noPadding = false } = {}) {
  const padding = mode === 'oaep' ? ['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', `rsa_oaep_md:${hash}`, '-pkeyopt', `rsa_mgf1_md:${hash}`] : ['-pkeyopt', `rsa_padding_mode:${mode}`];
  const wrapped = command('openssl', ['pkeyutl', '-encrypt', '-pubin', '-inkey', join(folder, `${to.name}.pub`), ...padding], key);
  const data = command('openssl', ['enc', '-aes-256-cbc', '-K', key.toString('hex').padEnd(64, '0').slice(0, 64), '-iv', (iv ?? key.subarray(0, 16)).toString('hex').padEnd(32, '0'), ...(noPadding ? ['-nopad'] : [])], plain);
  const mac = command('openssl', ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${(macKey ?? key).toString('hex')}`, '-binary'], data);
  return { id: to.name, thumbprint: to.thumbprint, data_key: wrapped.toString('base64'), data: data.toString('base64'), signature: mac.toString('base64') };
}
const item = (content, more = {}) => ({ item: content, folder: keyFolder, now_s: now, ...more });

test('items as Graph encrypts them are opened', () => {
  const long = JSON.stringify({ id: 'x', displayName: 'y'.repeat(7000) });
  const sealed = seal();
  const cases = {
    'the newest key': [seal(), resource], 'the former key': [seal({ to: former }), resource],
    'thumbprint in small letters': [{ ...sealed, thumbprint: sealed.thumbprint.toLowerCase() }, resource],
    'exactly one block': [seal({ plain: '{"id":"1234567"}' }), '{"id":"1234567"}'], 'empty': [seal({ plain: '' }), ''], 'long': [seal({ plain: long }), long],
  };
  ask(Object.values(cases).map(([content]) => item(content)))
    .forEach((answer, i) => assert.deepEqual(answer, { err: 'ok', text: Object.values(cases)[i][1] }, Object.keys(cases)[i]));
});

test('hostile items are refused, every one', () => {
  const sealed = seal();
  const bytes = (name) => Buffer.from(sealed[name], 'base64');
  const changed = (name, at) => { const b = bytes(name); b[at] ^= 1; return { ...sealed, [name]: b.toString('base64') }; };
  const cut = (name, length) => ({ ...sealed, [name]: bytes(name).subarray(0, length).toString('base64') });
  const key = random(32);
  const cases = {
    'signature changed': changed('signature', 5), 'signature cut': cut('signature', 31), 'signature empty': { ...sealed, signature: '' },
    'signature missing': { ...sealed, signature: undefined }, 'signature by another key': seal({ macKey: random(32) }), 'signature zero': { ...sealed, signature: Buffer.alloc(32).toString('base64') },
    'data changed': changed('data', 20), 'data cut to a block': cut('data', 16), 'data not whole blocks': cut('data', 17), 'data empty': { ...sealed, data: '' }, 'data missing': { ...sealed, data: undefined },
    'bad padding, signed rightly': seal({ key, plain: Buffer.alloc(32, 0x20), noPadding: true }),
    'padding of 17, signed rightly': seal({ key, plain: Buffer.alloc(32, 17), noPadding: true }), 'padding of 0, signed rightly': seal({ key, plain: Buffer.alloc(32, 0), noPadding: true }),
    'key changed': changed('data_key', 9), 'key cut': cut('data_key', 255), 'key longer': { ...sealed, data_key: Buffer.concat([bytes('data_key'), Buffer.alloc(1)]).toString('base64') },
    'key oversized': { ...sealed, data_key: Buffer.alloc(4096, 1).toString('base64') }, 'key missing': { ...sealed, data_key: undefined }, 'key zero': { ...sealed, data_key: Buffer.alloc(256).toString('base64') },
    'content key of 16 bytes': seal({ key: random(16) }), 'content key of 31 bytes': seal({ key: random(31) }), 'content key of 33 bytes': seal({ key: random(33) }), 'content key of 64 bytes': seal({ key: random(64) }),
    'wrapped by OAEP with SHA-256': seal({ hash: 'sha256' }), 'wrapped by PKCS #1 1.5': seal({ mode: 'pkcs1' }),
    'encrypted to a key we have not': seal({ to: foreign }), 'our id, thumbprint of another': { ...sealed, thumbprint: foreign.thumbprint }, 'our thumbprint, id of another': { ...sealed, id: foreign.name },
    'id a path': { ...sealed, id: '../keys/k2026-01' }, 'id empty': { ...sealed, id: '' }, 'thumbprint cut': { ...sealed, thumbprint: sealed.thumbprint.slice(2) }, 'thumbprint no hex': { ...sealed, thumbprint: 'Z'.repeat(40) },
    'parts of two items': { ...sealed, data: seal().data }, 'url-safe base64': { ...sealed, data: `${sealed.data.slice(0, -4)}_-_-` }, 'white space in base64': { ...sealed, data: `${sealed.data.slice(0, 8)} ${sealed.data.slice(8)}` },
    'a newline in base64': { ...sealed, data: `${sealed.data.slice(0, 8)}\n${sealed.data.slice(8)}` }, 'base64 without padding': { ...sealed, signature: sealed.signature.replace('=', '') },
    'far too long': { ...sealed, data: 'A'.repeat(40000) },
  };
  ask(Object.values(cases).map((content) => item(content)))
    .forEach((answer, i) => { assert.notEqual(answer.err, 'ok', Object.keys(cases)[i]); assert.equal(answer.text, undefined); });
  console.log(`${Object.keys(cases).length} hostile items refused`);
});

test('folders of keys that cannot be used are refused with what to do', () => {
  const broken = (name, content) => { const dir = join(folder, name); mkdirSync(dir); if (content !== undefined) writeFileSync(join(dir, 'k1.pem'), content); return dir; };
  const pem = readFileSync(join(keyFolder, 'k2026-01.pem'), 'utf8'), weak = join(folder, 'weak'), ecdsa = join(folder, 'ecdsa'), stale = join(folder, 'stale');
  [weak, ecdsa, stale].forEach((dir) => mkdirSync(dir));
  makeCertificate(weak, 'kweak', { algorithm: 'rsa:1024' });
  makeCertificate(stale, 'kstale', { from: '20240101000000Z', until: '20250101000000Z' });
  const pair = readFileSync(join(newer, 'k2026-09.pem'), 'utf8');
  const cases = {
    [join(folder, 'nowhere')]: /ergsyncctl key notifications/, [broken('empty')]: /holds no notification key/, [broken('garbage', 'x')]: /no certificate/,
    [broken('no-key', pem.slice(0, pem.indexOf('-----BEGIN PRIVATE')))]: /no private key/, [broken('mixed', pem.slice(0, pem.indexOf('-----BEGIN PRIVATE')) + pair.slice(pair.indexOf('-----BEGIN PRIVATE')))]: /not its certificate/,
    [weak]: /2,048/, [stale]: /valid now/,
  };
  ask(Object.keys(cases).map((dir) => item(seal(), { folder: dir })))
    .forEach((answer, i) => { assert.notEqual(answer.err, 'ok'); assert.match(answer.why, Object.values(cases)[i]); });
});
