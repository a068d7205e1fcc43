// The console: one page for whoever reaches the admin address. It says what ergsyncctl status says, and names nobody.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { Stack, eventually, request } from './lib/stack.mjs';

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
const text = (html) => html.replaceAll(/&([a-z]+|#39);/g, (all, name) => entities[name] ?? assert.fail(`entity ${all}`));

/** A strict little parser: every element closed in order, attributes quoted, nothing else between < and >. */
function parse(html) {
  assert.match(html, /^<!DOCTYPE html>\n<html lang="en">/);
  const root = { name: '#', children: [] }, open = [root];
  const token = /<(\/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"<>]*")*)>|([^<>]+)/gy;
  token.lastIndex = html.indexOf('\n') + 1;
  while (token.lastIndex < html.length) {
    const at = token.lastIndex, m = token.exec(html);
    assert.ok(m, `not HTML at: ${html.slice(at, at + 60)}`);
    const [, closes, name, attributes, words] = m;
    if (words !== undefined) { open.at(-1).children.push(open.at(-1).name === 'style' ? words : text(words)); continue; }
    if (closes) { assert.equal(open.pop().name, name); continue; }
    const element = { name, children: [], attributes: Object.fromEntries([...attributes.matchAll(/([a-z-]+)="([^"]*)"/g)].map(([, k, v]) => [k, text(v)])) };
    open.at(-1).children.push(element);
    if (name !== 'meta') open.push(element);
  }
  assert.equal(open.length, 1);
  return root;
}
const all = (element, name) => element.children.filter((c) => c.name).flatMap((c) => [...(c.name === name ? [c] : []), ...all(c, name)]);
const words = (element) => element.children.map((c) => (c.name ? words(c) : c)).join('');

test('the console', async (t) => {
  const stack = await Stack.make(t);
  await stack.start();
  const world = await stack.world({ users: 30, members: 24 });
  await stack.link(world);
  await stack.inSync();
  const url = `http://127.0.0.1:${stack.adminPort}/`;
  const load = async () => { const answer = await request({ url }); return { ...answer, page: parse(answer.text) }; };
  const verdict = (page) => words(all(page, 'h1')[0]).replace(/^[✓▲] /, '');
  const status = async () => (await stack.ctl('status')).output.split('\n')[0];

  await t.test('it is well-formed, accessible and fetches nothing', async () => {
    const { status: code, headers, page, text: html } = await load();
    assert.equal(code, 200);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    const style = all(page, 'style');
    assert.equal(style.length, 1);
    const hash = crypto.createHash('sha256').update(words(style[0])).digest('base64');
    assert.equal(headers['content-security-policy'], `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`);
    for (const name of ['script', 'img', 'link', 'form', 'iframe']) assert.equal(all(page, name).length, 0, name);
    for (const a of all(page, 'a')) assert.match(a.attributes.href, /^\?(still)?$/);
    assert.doesNotMatch(html, /https?:|url\(|@import| style="| on[a-z]+="/);
    assert.equal(all(page, 'h1').length, 1);
    for (const th of all(page, 'th')) assert.equal(th.attributes.scope, 'row');
    const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    assert.equal(ids.size, html.match(/ id="/g).length, 'ids are unique');
    for (const table of all(page, 'table')) assert.ok(ids.has(table.attributes['aria-labelledby']), 'each table has its heading');
    assert.ok(html.length < 32_768, `${html.length} bytes`);
  });

  await t.test('it says what the status says', async () => {
    assert.equal(verdict((await load()).page), 'All is well.');
    assert.equal(await status(), 'All is well.');
    const rows = Object.fromEntries(all((await load()).page, 'tr').map((tr) => tr.children.map((c) => c.name && words({ children: c.children.filter((x) => x.name !== 'small') }))));
    assert.equal(rows['In sync'], '1');
    assert.match(rows.Listener, /^up, version \d/);
    // Twenty of the team leave at once: a plan is held.
    await stack.control('POST', 'members', { changes: world.users.slice(2, 22).map((u) => ({ op: 'remove', team: world.team.id, user: u.id })) });
    await eventually('the plan is held', async () => (await stack.erg()).state === 'held');
    await eventually('the console says so', async () => verdict((await load()).page) === '1 thing needs attention.');
    const { page } = await load();
    const told = (await stack.api('GET', '/v1/status')).json;
    assert.equal(told.verdict, 'held' in told.ergs ? '1 thing needs attention' : '');
    assert.equal(await status(), '1 thing needs attention:');
    assert.deepEqual(all(page, 'li').map((li) => words(li)), told.attention.map((a) => `Now${a.what}Next: ${a.next}`));
    assert.match(told.attention[0].what, /^1 ERG has a plan/);
  });

  await t.test('it names nobody and nothing', async () => {
    const html = (await load()).text.replace(/<style>.*<\/style>/s, '');
    const secret = [world.tenant, world.team.id, world.team.general, 'acme', 'pride', stack.clientId, stack.clientSecret, stack.directory,
      ...world.users.flatMap((u) => [u.id, u.upn, u.mail, u.display_name])].filter(Boolean);
    for (const word of secret) assert.ok(!html.toLowerCase().includes(String(word).toLowerCase()), word);
    assert.doesNotMatch(html, /[0-9a-f]{8}-[0-9a-f]{4}-|\S@\S/);
  });

  await t.test('HEAD, other methods, other paths, other names', async () => {
    const get = await load(), head = await request({ url, method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-security-policy'], get.headers['content-security-policy']);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await request({ url, method });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.allow, 'GET, HEAD');
    }
    assert.equal((await request({ url: `${url}favicon.ico` })).status, 404);
    assert.match(get.text, /<meta http-equiv="refresh" content="10">/);
    assert.doesNotMatch((await request({ url: `${url}?still` })).text, /http-equiv="refresh"/);
    assert.equal((await request({ url: `${url}?x=1` })).status, 200);
    for (const [host, code] of [['localhost', 200], [`localhost:${stack.adminPort}`, 200], ['[::1]', 200], ['192.0.2.7', 200], ['rebound.example', 421], ['localhost.example', 421]]) {
      assert.equal((await request({ url, headers: { host } })).status, code, host);
      assert.equal((await request({ url: `${url}metrics`, headers: { host } })).status, 200, host);
    }
    fs.appendFileSync(stack.file('ergsync.conf'), '[admin]\nnames = console.example ops.example\n');
    stack.reconciler.child.kill('SIGHUP');
    await eventually('the name is known after a reload', async () => (await request({ url, headers: { host: 'ops.example' } })).status === 200);
    assert.equal((await request({ url, headers: { host: 'rebound.example' } })).status, 421);
  });

  await t.test('a listener that is gone is seen', async () => {
    await stack.listener.kill();
    await eventually('the console says so', async () => /The listener does not answer/.test((await load()).text), { within: 30_000 });
    await eventually('so does the status', async () => /The listener does not answer/.test((await stack.ctl('status')).output));
    await stack.startListener();
    await eventually('and that it is back', async () => !/does not answer/.test((await load()).text), { within: 30_000 });
  });
});
