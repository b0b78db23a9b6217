import type { JsonObject } from '../../core/json.ts';

/** Where the engine must run. `Auto` takes the best device there is; every other choice is asserted after the load. */
export const devices = ['Auto', 'CPU', 'CUDA', 'Vulkan', 'WebGPU'] as const;
export type Device = (typeof devices)[number];

export type LoadRequest = {
  readonly modelPath: string;
  readonly device: Device;
  /** Tokens a sequence can hold, prompt and answer together; the model's own length (at most 4096) when absent. */
  readonly contextLength?: number;
  /** How many requests run at once. */
  readonly maxSequences: number;
};

export type LoadedModel = {
  /** What the engine really runs on, for example `CPU` or `CUDA: NVIDIA H100`. */
  readonly device: string;
  readonly contextLength: number;
  readonly maxSequences: number;
  readonly threads: number;
};

export type ChatMessage = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string };

export type Prompt =
  | { readonly kind: 'chat'; readonly messages: readonly ChatMessage[]; readonly templateArguments?: JsonObject }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tokens'; readonly tokens: readonly number[] };

export type Sampling = {
  readonly temperature: number;
  readonly topP: number;
  /** 0 considers every token. */
  readonly topK: number;
  readonly minP: number;
  /** The same seed and request give the same text; a random one is drawn when absent. */
  readonly seed?: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** 1 penalises nothing. */
  readonly repetitionPenalty: number;
};

export type GenerateRequest = {
  readonly prompt: Prompt;
  /** Tokens to generate at most; what the context has room for when absent. */
  readonly maxTokens?: number;
  readonly sampling: Sampling;
  /** Texts that end the answer; they are never part of it. */
  readonly stop: readonly string[];
  /** Goes on when the model wants to end: for measurements. */
  readonly ignoreEnd: boolean;
};

export type FinishReason = 'stop' | 'length';

/** Tokens as they were counted: the end-of-answer token is not part of `completionTokens`, the tokens of a stop text are. */
export type Usage = { readonly promptTokens: number; readonly completionTokens: number; readonly cachedTokens: number };

/** `started` comes once, when the prompt is accepted; `prompt` says how much of it was worked through; `text` holds whole characters; `done` is last. */
export type GenerateEvent =
  | { readonly kind: 'started'; readonly promptTokens: number; readonly cachedTokens: number }
  | { readonly kind: 'prompt'; readonly tokens: number }
  | { readonly kind: 'text'; readonly text: string; readonly tokens: number }
  | { readonly kind: 'done'; readonly finishReason: FinishReason; readonly usage: Usage };

/** Why an engine does not take a request: the caller's fault, not the engine's. */
export type Refusal =
  | { readonly kind: 'contextLength'; readonly limit: number; readonly asked: number }
  | { readonly kind: 'prompt'; readonly message: string };

/** Thrown by `render` and `generate` when the request itself is wrong. */
export class RefusedError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.kind === 'prompt' ? refusal.message : `the request needs ${refusal.asked} tokens, the context holds ${refusal.limit}`);
    this.name = 'RefusedError';
    this.refusal = refusal;
  }
}

/**
 * What runs a model. One engine loads one model once.
 * At most `maxSequences` generations may run at a time: who calls `generate` keeps the queue.
 */
export type Engine = {
  /** `onProgress` gets fractions from 0 to 1 that never fall. Throws a Failure. */
  load(request: LoadRequest, onProgress: (fraction: number) => void, signal: AbortSignal): Promise<LoadedModel>;
  tokenize(text: string): Promise<readonly number[]>;
  /** The prompt text that the model's own template makes of a chat. Throws a RefusedError. */
  render(messages: readonly ChatMessage[], templateArguments?: JsonObject): Promise<string>;
  /** Ends without `done` when `signal` aborts, after the sequence was freed. Throws a RefusedError before `started`, a Failure any time. */
  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateEvent>;
  dispose(): Promise<void>;
};
