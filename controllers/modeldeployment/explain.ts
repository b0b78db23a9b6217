import { isFailureReason, reasons } from '../../src/core/reasons.ts';

const maxLength = 4096; // of a message in the API

/** A reason with its message, which ends with the remedy. Cut to what the API takes. */
export function explained(reason: string, message: string): { readonly reason: string; readonly message: string } {
  const remedy = isFailureReason(reason) ? reasons[reason] : '';
  const sentence = message === '' || /[.!?…]$/.test(message) ? message : `${message}.`;
  const whole = message.includes(remedy) ? message : `${sentence} ${remedy}`.trim();
  return { reason, message: whole.length > maxLength ? `${whole.slice(0, maxLength - 1)}…` : whole };
}
