/** What the scripted engine says as its word number `index`. */
export function wordOf(index: number): string {
  return `word-${index} `;
}

/** All of an answer of so many words. */
export function answerOf(words: number): string {
  return Array.from({ length: words }, (_, index) => wordOf(index)).join('');
}
