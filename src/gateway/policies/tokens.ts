/** What an answer is taken to be when neither the request nor the deployment bounds it, and nothing has been learned. */
const usualAnswer = 256;

/** No answer is longer, whatever a caller writes: a single number must not outweigh all others in a sum. */
const longestAnswer = 1_000_000;

/** Bytes of JSON for a token, about: English text has four letters for one. */
const bytesPerToken = 4;

/** Tokens of a prompt, by its size. */
export function estimatePromptTokens(bodyBytes: number): number {
  return Math.ceil(bodyBytes / bytesPerToken);
}

/**
 * What a request may cost in tokens: its prompt by size, and the answer that it asks for, within the deployment's cap. Only where it asks
 * for no length it is what answers `usually` are: what many callers ask for together must not exceed what is reserved for them.
 */
export function estimateTokens(
  bodyBytes: number,
  maxTokens: number | undefined,
  cap: number | undefined,
  usually?: number | undefined,
): number {
  return estimatePromptTokens(bodyBytes) + atMost(maxTokens ?? usually ?? cap ?? usualAnswer, cap);
}

/** What a request will cost, more likely: its answer is not longer than they `usually` are, whatever it asks for. */
export function expectTokens(
  bodyBytes: number,
  maxTokens: number | undefined,
  cap: number | undefined,
  usually: number | undefined,
): number {
  const answer = atMost(maxTokens ?? cap ?? usually ?? usualAnswer, cap);
  return estimatePromptTokens(bodyBytes) + Math.min(answer, usually ?? answer);
}

function atMost(answer: number, cap: number | undefined): number {
  return Math.min(answer, cap ?? longestAnswer, longestAnswer);
}
