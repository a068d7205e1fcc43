// Microsoft's description of Graph as a judge of exchange logs. It lies beside the repository (../shared/graph-openapi, or
// where ERGSYNC_SHARED points), not in it; without it these tests are skipped.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const shared = process.env.ERGSYNC_SHARED ?? path.join(root, '../shared');
const description = path.join(shared, 'graph-openapi');

/** check.mjs finds its packages from where it lies, so it is read from a copy beside ours. */
export async function loadChecker() {
  if (!fs.existsSync(path.join(description, 'check.mjs'))) {
    console.log(`SKIPPED: ${description}/check.mjs is not there; set ERGSYNC_SHARED to the folder that holds graph-openapi`);
    process.exit(77);
  }
  const copy = path.join(root, 'tests/node_modules/.ergsync-contract');
  fs.mkdirSync(copy, { recursive: true });
  fs.copyFileSync(path.join(description, 'check.mjs'), path.join(copy, 'check.mjs'));
  const { load } = await import(pathToFileURL(path.join(copy, 'check.mjs')));
  return load(path.join(description, 'graph-slice.json'));
}

/* Where the description and Microsoft's reference pages differ, the pages hold: what it does not list is known here. */
const known = [
  { method: 'POST', path: /\/members\/remove$/, finding: /status 204 not described/, why: 'the page of conversationMember: remove answers 204' },
  { method: 'GET', path: /doesUserHaveAccess/, finding: /not in the slice/, why: 'the slice leaves this function out' },
  { method: 'GET', path: /^\/teams\('/, finding: /not in the slice/, why: 'the slice knows slashes only, not the key in parentheses' },
];

/* A simulator spells notifications in all the ways that were seen; the description knows one. */
const spelling = /changeType must be equal to one of|@odata\.type must match/;

/** The findings about an exchange log; lenient: requests that were refused may be malformed. */
export function judge(check, log, { lenient = false } = {}) {
  let passed = 0;
  const findings = [];
  const templates = new Set();
  for (const line of fs.readFileSync(log, 'utf8').split('\n').filter(Boolean)) {
    const x = JSON.parse(line);
    const all = x.notification ? check.notification(x.notification).filter((f) => !spelling.test(f)) : check(x);
    const left = all.filter((finding) => !known.some((k) => k.method === x.method && k.path.test(x.path.split('?')[0]) && k.finding.test(finding)));
    const grave = left.filter((finding) => !(lenient && x.status >= 400 && /^(request|query)/.test(finding)));
    if (x.path) templates.add(`${x.method} ${x.path.split('?')[0].replace(/\/[^/]*[0-9@%][^/]*/g, '/{}')}`);
    if (grave.length > 0) findings.push(`${x.method ?? 'NOTIFY'} ${x.path ?? ''} ${x.status ?? ''}\n    ${grave.join('\n    ')}`);
    else passed++;
  }
  return { passed, findings, templates: [...templates].sort() };
}
