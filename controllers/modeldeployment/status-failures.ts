import type { SeenFailure } from '../../src/api/model-deployment.ts';
import { isFailureReason } from '../../src/core/reasons.ts';
import { findCondition, timestamp } from '../../src/kube/index.ts';
import { explained } from './explain.ts';
import { haltMessage, haltOf, rolloutHalted } from './status-degraded.ts';
import type { Observation, Trouble } from './status-observation.ts';
import { tellTrouble, troublesOf } from './status-trouble.ts';
import type { Tally } from './tally.ts';

const maxFailures = 8;
const maxMessageLength = 4096;
/** Loaded for so long, a failure that comes again is a new one. */
const forgottenAfterMs = 600_000;

/** `at` in milliseconds where it is known; else it is seen just now. */
type Fault = Trouble & { readonly at?: number };

/** What went wrong with the current revision, each reason once, the newest last. From it follows which failure is news. */
export function failuresSeen(observed: Observation, count: Tally): readonly SeenFailure[] {
  const before = remembered(observed);
  const known = new Set(before.map(({ reason }) => reason));
  const fresh: SeenFailure[] = [];
  for (const { reason, message, at } of [...failing(observed, count), ...mishaps(observed, count)]) {
    if (known.has(reason)) continue;
    known.add(reason);
    fresh.push({ reason, message: message.slice(0, maxMessageLength), firstSeenAt: timestamp(at ?? observed.now) });
  }
  return [...before, ...fresh].slice(-maxFailures);
}

function remembered({ previous, revision, now }: Observation): readonly SeenFailure[] {
  if (!previous || previous.revision !== revision) return [];
  const loaded = findCondition(previous.conditions, 'Loaded');
  const longLoaded = loaded?.status === 'True' && now - Date.parse(loaded.lastTransitionTime) >= forgottenAfterMs;
  return longLoaded ? [] : (previous.failures ?? []);
}

function failing(observed: Observation, count: Tally): readonly Fault[] {
  const { acceptance, obstacle } = observed;
  const refusal = acceptance.accepted ? [] : [{ reason: acceptance.reason, message: acceptance.message }];
  const obstacles = obstacle?.refused ? [{ reason: obstacle.reason, message: obstacle.message }] : [];
  const replicas = troublesOf(count);
  const halt = acceptance.accepted && count.desired > 0 ? haltOf(observed, count) : undefined;
  const halts = halt ? [{ reason: rolloutHalted, message: haltMessage(observed, halt, count) }] : [];
  return [...refusal, ...obstacles, ...replicas, ...halts];
}

/** What failed between two looks and is over: nothing but the agent's memory tells of an engine that is back within a second. */
function mishaps({ now }: Observation, { updated }: Tally): readonly Fault[] {
  return updated.flatMap((replica) => {
    const { mishap } = replica;
    if (!mishap || now - mishap.at >= forgottenAfterMs) return [];
    const told = explained(isFailureReason(mishap.reason) ? mishap.reason : 'EngineCrashed', mishap.message);
    return [{ ...tellTrouble({ ...replica, ...told }, []), at: mishap.at }];
  });
}
