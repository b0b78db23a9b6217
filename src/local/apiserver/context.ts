import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Random } from '../../core/clock.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Logger } from '../../core/logger.ts';
import type { CustomQuery } from '../../metrics-api/custom-list.ts';
import type { ExternalQuery } from '../../metrics-api/external-list.ts';
import type { Catalog } from './catalog.ts';
import type { Faults, Verb } from './faults.ts';
import type { LogSource } from './logs.ts';
import type { View } from './negotiation.ts';
import type { ResourceRegistry } from './registry.ts';
import type { ResourceDefinition } from './resource.ts';
import type { Store } from './storage/store.ts';

/** Answers the two metrics APIs. Both throw a StatusFailure. */
export type ServedMetrics = {
  external(query: ExternalQuery): JsonObject;
  custom(query: CustomQuery): JsonObject;
};

/** What every handler works with. */
export type ApiContext = {
  readonly store: Store;
  readonly registry: ResourceRegistry;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly faults: Faults;
  readonly logs: LogSource | undefined;
  readonly metrics: ServedMetrics | undefined;
};

/** One request for a resource, understood. */
export type Call = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly verb: Verb;
  readonly definition: ResourceDefinition;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly view: View;
  /** How many revisions old an answer to a read shall be: a fault asked for it. */
  readonly staleBy: number;
  /** Aborts when the client has gone or the server closes. */
  readonly signal: AbortSignal;
};

/** What a handler answers; `body` is JSON text. */
export type Reply = { readonly code: number; readonly body: string; readonly warnings?: readonly string[] };
