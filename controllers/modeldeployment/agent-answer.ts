import { z } from 'zod';
import { type AgentStatus, agentStatus, contractVersion } from '../../src/core/agent-contract.ts';

const longestMessage = 4096; // of a message in the API
const longestName = 253;
/** A time left beyond this is no estimate. */
const longestEtaSeconds = 30 * 24 * 3600;

/**
 * The status in an agent's answer, which is not trusted: numbers that cannot be are unknown, instants are not in the future,
 * texts have an end. Throws an Error that says why it is no answer. `now` is in milliseconds.
 */
export function readAnswer(answer: unknown, now: number): AgentStatus {
  const told = agentStatus.safeParse(answer);
  if (!told.success) throw new Error(whyNot(answer, told.error));
  const { data } = told;
  const bytesDone = whole(data.bytesDone);
  const bytesTotal = whole(data.bytesTotal);
  return {
    ...data,
    bytesDone,
    bytesTotal: bytesTotal !== null && bytesDone !== null && bytesTotal < bytesDone ? null : bytesTotal,
    bytesPerSecond: whole(data.bytesPerSecond),
    etaSeconds: data.etaSeconds !== null && data.etaSeconds >= 0 && data.etaSeconds <= longestEtaSeconds ? data.etaSeconds : null,
    startedAt: past(data.startedAt, now),
    lastProgressAt: past(data.lastProgressAt, now),
    reason: data.reason === null ? null : data.reason.slice(0, longestName),
    message: data.message === null ? null : cut(data.message),
    lastFailure: data.lastFailure && {
      ...data.lastFailure,
      reason: data.lastFailure.reason.slice(0, longestName),
      message: cut(data.lastFailure.message),
    },
    device: data.device === null ? null : data.device.slice(0, longestName),
    inFlight: whole(data.inFlight) ?? 0,
    waiting: whole(data.waiting) ?? 0,
    kvCacheUsage: share(data.kvCacheUsage),
  };
}

function whyNot(answer: unknown, error: z.ZodError): string {
  const contract = z.object({ contract: z.number() }).safeParse(answer).data?.contract;
  if (contract !== undefined && contract !== contractVersion)
    return `it speaks version ${contract} of the contract, this controller version ${contractVersion}`;
  const [issue] = error.issues;
  return `its answer is no status: ${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'unreadable'}`;
}

/** A whole number that is not below zero; null for what is none. */
function whole(value: number | null): number | null {
  return value === null || value < 0 || value > Number.MAX_SAFE_INTEGER ? null : Math.floor(value);
}

/** A part of a whole, 0 to 1; unknown for what is none. */
function share(value: number | undefined): number | undefined {
  return value !== undefined && value >= 0 && value <= 1 ? value : undefined;
}

/** RFC 3339, not in the future, for the clocks of nodes differ; `now` for what is no instant. */
function past(instant: string, now: number): string {
  const at = Date.parse(instant);
  return at <= now ? new Date(at).toISOString() : new Date(now).toISOString();
}

function cut(text: string): string {
  return text.length > longestMessage ? `${text.slice(0, longestMessage - 1)}…` : text;
}
