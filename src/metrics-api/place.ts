/** Where one namespaced object is. */
export type Place = { readonly namespace: string; readonly name: string };
