/**
 * JSON with the escapes of Go's encoder. What an API server keeps as it was sent (`data` of a ControllerRevision) it compares by its bytes
 * with what it has written itself.
 */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
