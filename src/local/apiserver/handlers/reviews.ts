import type { IncomingMessage } from 'node:http';
import type { JsonObject } from '../../../core/json.ts';
import type { Reply } from '../context.ts';
import { readObject } from '../negotiation.ts';

const answers: Readonly<Record<string, JsonObject>> = {
  // The token is the only user, and may do everything.
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews': { allowed: true, reason: 'the bearer of the token owns this server' },
  '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews': {
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
    incomplete: false,
  },
  '/apis/authentication.k8s.io/v1/selfsubjectreviews': {
    userInfo: { username: 'modelfleet', groups: ['system:masters', 'system:authenticated'] },
  },
};

/** Answers the reviews that `kubectl auth` posts; undefined for other paths. Nothing is stored. */
export async function review(path: string, request: IncomingMessage): Promise<Reply | undefined> {
  const status = Object.hasOwn(answers, path) ? answers[path] : undefined;
  if (!status || request.method !== 'POST') return undefined;
  return { code: 201, body: JSON.stringify({ ...(await readObject(request)), status }) };
}
