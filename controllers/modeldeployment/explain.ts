import { isFailureReason, reasons } from '../../src/core/reasons.ts';

const maxLength = 4096; // of a message in the API

/** A reason with its message, which ends with the remedy. Words that are too long for the API are cut, the remedy is not. */
export function explained(reason: string, message: string): { readonly reason: string; readonly message: string } {
  const remedy = isFailureReason(reason) ? reasons[reason] : '';
  if (remedy === '' || message.includes(remedy)) return { reason, message: cut(message, maxLength) };
  const words = cut(message, maxLength - remedy.length - 2);
  const sentence = words === '' || /[.!?…]$/.test(words) ? words : `${words}.`;
  return { reason, message: `${sentence} ${remedy}`.trim() };
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
