// Judges exchanges of the app API, and callbacks, by api/openapi.json. Stricter than the file itself: it lets clients be sent more
// than it names, so that later versions may; here a member that it does not name is a mistake.
import Ajv2020 from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(new URL('../../..', import.meta.url).pathname);
export const file = path.join(root, 'api/openapi.json');
export const description = JSON.parse(fs.readFileSync(file, 'utf8'));

function strict(schema) {
  if (Array.isArray(schema)) return schema.map(strict);
  if (schema === null || typeof schema !== 'object') return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  if (copy.properties && copy.additionalProperties === undefined) copy.additionalProperties = false;
  if (copy.discriminator) copy.discriminator = { propertyName: copy.discriminator.propertyName };
  return copy;
}

const schemas = strict(description.components.schemas);
// A change is an event with a number: one schema each, as "allOf" cannot be made strict.
for (const { $ref } of schemas.CloudEvent.oneOf) {
  const event = schemas[$ref.split('/').at(-1)];
  schemas[`Numbered${$ref.split('/').at(-1)}`] = { ...event, properties: { ...event.properties, seq: { type: 'integer', minimum: 1 } }, required: [...event.required, 'seq'] };
}
schemas.Change = { type: 'object', discriminator: { propertyName: 'type' }, required: ['type'],
  oneOf: schemas.CloudEvent.oneOf.map(({ $ref }) => ({ $ref: $ref.replace(/Event(\w+)$/, 'NumberedEvent$1') })) };
schemas.CloudEvent = { type: 'object', required: ['type'], ...schemas.CloudEvent };

const ajv = new Ajv2020({ allErrors: true, discriminator: true, strict: true, strictTypes: false, strictRequired: false });
formats(ajv);
ajv.addKeyword('components');
ajv.addSchema({ $id: 'api', components: { schemas } }, 'api');

function judge({ $ref }, value, where) {
  const validate = ajv.getSchema(`api${$ref}`);
  return validate(value) ? [] : validate.errors.map((e) => `${where}${e.instancePath}: ${e.message} ${JSON.stringify(e.params)}`);
}

const resolve = (object) => (object.$ref ? object.$ref.split('/').slice(1).reduce((o, key) => o[key], description) : object);

const templates = Object.entries(description.paths).map(([template, item]) => ({
  template, item, pattern: new RegExp(`^${template.replaceAll(/\{[a-z]+\}/g, '[^/]+')}$`),
}));

/** Which operations, webhooks and statuses have been seen. */
export const seen = new Set();

/** Mistakes of an answer; a request that was taken must fit, too. */
export function exchangeMistakes(method, target, body, answer) {
  const where = `${method} ${target} ${answer.status}`;
  const found = templates.find(({ pattern, item }) => pattern.test(target.split('?')[0]) && item[method.toLowerCase()]);
  if (!found) {
    if (answer.status < 400) return [`${where}: not described`];
    return judge({ $ref: '#/components/schemas/Problem' }, answer.json, where);
  }
  const operation = found.item[method.toLowerCase()];
  const mistakes = [];
  if (answer.status < 300 && operation.requestBody && typeof body === 'object') {
    mistakes.push(...judge(operation.requestBody.content['application/json'].schema, body, `${where} request`));
  }
  const response = resolve(operation.responses[answer.status] ?? operation.responses.default);
  seen.add(`${operation.operationId} ${operation.responses[answer.status] ? answer.status : 'default'}`);
  if (answer.status < 300 && !operation.responses[answer.status]) mistakes.push(`${where}: this status is not described`);
  const type = (answer.headers['content-type'] ?? '').split(';')[0];
  const content = response.content?.[type];
  if (!content) mistakes.push(`${where}: type ${type} is not described`);
  else mistakes.push(...judge(content.schema, answer.json, where));
  if (type === 'application/problem+json' && answer.json?.status !== answer.status) mistakes.push(`${where}: the problem says ${answer.json?.status}`);
  return mistakes;
}

export function callbackMistakes(event) {
  const webhook = description.webhooks[event.type];
  if (!webhook) return [`callback ${event.type}: not described`];
  seen.add(webhook.post.operationId);
  return judge(webhook.post.requestBody.content['application/cloudevents+json'].schema, event, `callback ${event.type}`);
}

/** From now on every call of stack.api is judged; the list that is returned grows. */
export function watch(stack) {
  const mistakes = [];
  const api = stack.api.bind(stack);
  stack.api = async (method, target, body) => {
    const answer = await api(method, target, body);
    mistakes.push(...exchangeMistakes(method, target, body, answer));
    return answer;
  };
  return mistakes;
}
