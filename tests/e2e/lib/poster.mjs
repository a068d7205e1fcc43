// Posts notifications as Graph does, over kept-alive TLS, and remembers what was answered.
import fs from 'node:fs';
import https from 'node:https';
import { request } from './stack.mjs';

export function memberItem(subscription, tenant, team, membership, change = 'created') {
  return {
    subscriptionId: subscription.id, changeType: change, tenantId: tenant, clientState: subscription.clientState,
    subscriptionExpirationDateTime: '2030-01-04T02:00:00.1234567-08:00', resource: `teams('${team}')/members('${membership}')`,
    resourceData: { id: membership, '@odata.type': '#Microsoft.Graph.aadUserConversationMember', '@odata.id': `teams('${team}')/members('${membership}')` },
  };
}

export class Poster {
  constructor(stack, connections = 8) {
    this.stack = stack;
    this.ca = fs.readFileSync(stack.tls.ca);
    this.agent = new https.Agent({ keepAlive: true, maxSockets: connections, ca: this.ca });
    this.statuses = {};
  }
  /** The status, or 0 when no answer came. */
  async post(items, target = '/graph/notifications') {
    try {
      const { status } = await request({ method: 'POST', url: `https://localhost:${this.stack.publicPort}${target}`, ca: this.ca, agent: this.agent, timeout: 20_000 }, { value: items });
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
      return status;
    } catch {
      this.statuses.none = (this.statuses.none ?? 0) + 1;
      return 0;
    }
  }
  close() { this.agent.destroy(); }
}

/** Runs job(i) for 0 <= i < count, at most width at a time. */
export async function inParallel(count, width, job) {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(width, count) }, async () => {
    while (next < count) await job(next++);
  }));
}
