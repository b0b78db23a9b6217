import type { JsonObject } from '../../../core/json.ts';
import type { FailureReason } from '../../../core/reasons.ts';
import type { ChatMessage, GenerateEvent, GenerateRequest, LoadedModel, LoadRequest, Refusal } from '../engine.ts';

/** What the agent tells the engine process. Every call has an id of its own; `abort` ends the call of that id. */
export type ToEngine =
  | { readonly kind: 'load'; readonly id: number; readonly request: LoadRequest }
  | { readonly kind: 'tokenize'; readonly id: number; readonly text: string }
  | { readonly kind: 'render'; readonly id: number; readonly messages: readonly ChatMessage[]; readonly templateArguments?: JsonObject }
  | { readonly kind: 'generate'; readonly id: number; readonly request: GenerateRequest }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'dispose'; readonly id: number };

/** An error as it crosses the process border. */
export type WireError =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'failure'; readonly reason: FailureReason; readonly message: string }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'other'; readonly message: string };

export type CallResult = LoadedModel | readonly number[] | string | null;

/** What the engine process answers. */
export type FromEngine =
  | { readonly kind: 'progress'; readonly id: number; readonly fraction: number }
  | { readonly kind: 'event'; readonly id: number; readonly event: GenerateEvent }
  | { readonly kind: 'result'; readonly id: number; readonly result: CallResult }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError };
