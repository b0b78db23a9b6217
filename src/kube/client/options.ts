/** Limits of one call. */
export type CallOptions = {
  readonly signal?: AbortSignal | undefined;
  /** The longest time for the whole call, retries included; 30 s unless told. */
  readonly timeoutMs?: number | undefined;
};

export type WriteOptions = CallOptions & {
  readonly subresource?: 'status' | 'scale' | undefined;
  readonly dryRun?: boolean | undefined;
  readonly fieldManager?: string | undefined;
  /** What becomes of fields that the server does not know; it drops them and warns unless told. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined;
};

export type ApplyOptions = WriteOptions & {
  /** Take over fields that another manager owns; without it such an apply is a conflict. */
  readonly force?: boolean | undefined;
};

export type DeleteOptions = CallOptions & {
  /** Delete only this incarnation of the name. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly dryRun?: boolean | undefined;
};

/** Which objects of a type. */
export type Selection = {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
};

export type ListOptions = Selection & {
  /** Objects per page, 500 unless told; every page is followed. */
  readonly limit?: number | undefined;
  /** Absent: the newest state. `0`: whatever the server has at hand. */
  readonly resourceVersion?: string | undefined;
};

/** Limits of a list, and what is kept of each object as soon as its page has come; all of it unless told. */
export type ListCall<T> = CallOptions & {
  readonly keep?: ((object: T) => T) | undefined;
  /** Objects come without `managedFields`, which then cost next to nothing. */
  readonly dropManagedFields?: boolean | undefined;
};

export type WatchOptions = Selection & {
  readonly resourceVersion?: string | undefined;
  readonly allowWatchBookmarks?: boolean | undefined;
  /** After this the server ends the watch. */
  readonly timeoutSeconds?: number | undefined;
  /** Begin with an ADDED event for each object, ended by a BOOKMARK annotated `k8s.io/initial-events-end` (WatchList). */
  readonly sendInitialEvents?: boolean | undefined;
  /** A silence longer than this means a dead connection; 2 min unless told: two of the server's bookmark periods. */
  readonly idleMs?: number | undefined;
};
