import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import type { KubeClient } from '../kube/index.ts';
import { ExpiringCache } from './expiring-cache.ts';
import { failures } from './failure.ts';
import type { Access, User } from './user.ts';

/** The API server's answer, with its reason where it gave one. */
type Decision = { readonly allowed: boolean; readonly reason: string };

type ReviewsOptions = {
  /** A client that may write although its process does not lead: a review is a POST. */
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  /** Ends the questions that are under way. */
  readonly signal: AbortSignal;
};

/** How soon a revoked token or right is refused here too; as long as other extension API servers take. */
const ttlMs = 10_000;
const limit = 4_096;
const timeoutMs = 5_000;

const tokenReview = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    user: z
      .object({
        // A token that is not valid has a user without anything.
        username: z.string().optional(),
        uid: z.string().optional(),
        groups: z.array(z.string()).nullish(),
        extra: z.record(z.string(), z.array(z.string())).nullish(),
      })
      .optional(),
  }),
});

const accessReview = z.object({ status: z.object({ allowed: z.boolean(), reason: z.string().optional() }) });

/** Asks the API server whom a token belongs to and what a user may read, and remembers its answers for a moment. */
export class Reviews {
  private readonly options: ReviewsOptions;
  private readonly users: ExpiringCache<User | undefined>;
  private readonly decisions: ExpiringCache<Decision>;

  constructor(options: ReviewsOptions) {
    this.options = options;
    this.users = new ExpiringCache({ clock: options.clock, ttlMs, limit });
    this.decisions = new ExpiringCache({ clock: options.clock, ttlMs, limit });
  }

  /** The owner of a token; undefined when it is not valid. Throws 503 when nobody can tell. */
  userOf(token: string): Promise<User | undefined> {
    // Tokens themselves stay nowhere.
    const key = createHash('sha256').update(token).digest('base64');
    return this.users.get(key, async () => {
      const { status } = tokenReview.parse(await this.ask('authentication.k8s.io', 'TokenReview', 'tokenreviews', { token }));
      const { username: name = '', uid, groups, extra } = status.user ?? {};
      if (!status.authenticated || name === '') return undefined;
      return { name, ...(uid !== undefined && uid !== '' && { uid }), groups: groups ?? [], extra: extra ?? {} };
    });
  }

  /** Whether a user may read something. Throws 503 when nobody can tell. */
  mayRead(user: User, resourceAttributes: Access): Promise<Decision> {
    const spec = { user: user.name, uid: user.uid, groups: user.groups, extra: user.extra, resourceAttributes };
    return this.decisions.get(JSON.stringify(spec), async () => {
      const answer = await this.ask('authorization.k8s.io', 'SubjectAccessReview', 'subjectaccessreviews', spec);
      const { allowed, reason = '' } = accessReview.parse(answer).status;
      return { allowed, reason };
    });
  }

  private async ask(group: string, kind: string, plural: string, spec: object): Promise<unknown> {
    const { client, signal } = this.options;
    try {
      const body = { apiVersion: `${group}/v1`, kind, spec };
      return await client.request('POST', `/apis/${group}/v1/${plural}`, { body, signal, timeoutMs });
    } catch (cause) {
      throw failures.unavailable(`The API server did not answer a ${kind}: try again soon`, cause);
    }
  }
}
