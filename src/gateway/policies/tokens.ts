/** What an answer is taken to be when neither the request nor the deployment bounds it. */
const usualAnswer = 256;

/** No answer is longer, whatever a caller writes: a single number must not outweigh all others in a sum. */
const longestAnswer = 1_000_000;

/** Bytes of JSON for a token, about: English text has four letters for one. */
const bytesPerToken = 4;

/** Tokens of a prompt, by its size. */
export function estimatePromptTokens(bodyBytes: number): number {
  return Math.ceil(bodyBytes / bytesPerToken);
}

/** What a request may cost in tokens: its prompt by size, and the answer that it asks for, within the deployment's cap. */
export function estimateTokens(bodyBytes: number, maxTokens: number | undefined, cap: number | undefined): number {
  const answer = Math.min(maxTokens ?? cap ?? usualAnswer, cap ?? longestAnswer, longestAnswer);
  return estimatePromptTokens(bodyBytes) + answer;
}
