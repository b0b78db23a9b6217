/** A Kubernetes quantity in the form in which an API server gives it back, so that what is stored and what is wanted can be compared. */
export function quantity(value: number): string {
  const micro = Math.round(value * 1e6);
  if (micro % 1e6 === 0) return String(micro / 1e6);
  return micro % 1000 === 0 ? `${micro / 1000}m` : `${micro}u`;
}
