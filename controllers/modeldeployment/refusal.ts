import { Failure } from '../../src/core/failure.ts';
import type { FailureReason } from '../../src/core/reasons.ts';
import { ApiError } from '../../src/kube/index.ts';

/**
 * Why the server does not let an object be created, in its own words; undefined when it may well do so the next time,
 * or when it is not the object but the operator's role that is wrong.
 */
export function refusalOf(error: unknown): Failure | undefined {
  if (!(error instanceof ApiError)) return undefined;
  const words = wordsOf(error);
  // Anything in the way of a creation may be answered by a webhook with any code; these are what admission and validation use.
  if (![400, 403, 422].includes(error.code) || isUnauthorized(words)) return undefined;
  return new Failure(reasonOf(words), words, { cause: error });
}

function reasonOf(words: string): FailureReason {
  if (/violates PodSecurity/.test(words)) return 'PodSecurityForbidden';
  if (/\b(exceeded|failed) quota\b/.test(words)) return 'QuotaExceeded';
  return 'CreationRefused';
}

/** RBAC says so (`… cannot create resource "pods" in API group …`), or the check of owner references does. */
function isUnauthorized(words: string): boolean {
  return /\bcannot (\w+ resource|set blockOwnerDeletion)\b/.test(words);
}

/** Without the name of the pod, which differs with every try: the same refusal must read the same. */
function wordsOf({ status, message }: ApiError): string {
  const words = (status.message || message).replace(/^(pods|Pod) "[^"]*" is (forbidden|invalid): /, '');
  const { kind = '', name = '' } = status.details ?? {};
  return name !== '' && /^pods?$/i.test(kind) ? words.replaceAll(name, '…') : words;
}
