/** Who calls, in the words of Kubernetes. */
export type User = {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
};

/** What a caller wants to read, in the words of Kubernetes. */
export type Access = {
  readonly verb: 'get' | 'list';
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
};

const everybodyKnown = 'system:authenticated';

/** The user with the group that everybody is in whose name is known. */
export function authenticated(user: User): User {
  return user.groups.includes(everybodyKnown) ? user : { ...user, groups: [...user.groups, everybodyKnown] };
}
