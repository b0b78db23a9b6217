/** What the first bytes of a connection say of the PROXY protocol. */
export type HeaderReading =
  /** Nothing wrong so far; less than `atLeast` bytes from the beginning cannot tell more. */
  | { readonly kind: 'partial'; readonly atLeast: number }
  /** The whole header is `bytes` long. Without a caller the proxy speaks for itself, as in a health check, or does not tell. */
  | { readonly kind: 'header'; readonly bytes: number; readonly caller?: string | undefined }
  | { readonly kind: 'invalid'; readonly why: string };
