import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { isNotFound, type KubeClient, type ManagedController, type Secret, secrets } from '../../kube/index.ts';
import { servedGroups } from '../groups.ts';
import type { Place } from '../place.ts';
import type { ApiService } from './api-services.ts';
import { apiServices } from './api-services.ts';
import { bundleOf, type Identity, readIdentity, secretData } from './identity.ts';
import { takeStep } from './make.ts';
import { planIdentity } from './plan.ts';

type CertificateKeeperOptions = {
  readonly client: KubeClient;
  /** Where the identity is kept, for every process that serves. */
  readonly secret: Place;
  /** What the API server calls. */
  readonly service: Place;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** How often it looks. Between two looks callers hear of a new authority. */
const lookMs = 30_000;
const againMs = 5_000;

/**
 * Makes and renews the certificate of the metrics API, and tells the API server whom to trust: in the APIService objects that lead
 * to our Service, and in no others. One process at a time: the one that leads.
 */
export class CertificateKeeper implements ManagedController {
  readonly name = 'metrics-api-certificates';
  private readonly options: CertificateKeeperOptions;

  constructor(options: CertificateKeeperOptions) {
    this.options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.options;
    while (!signal.aborted) {
      let waitMs = lookMs;
      try {
        await this.look(signal);
      } catch (error) {
        waitMs = againMs;
        if (!signal.aborted) logger.error({ err: error }, 'the certificate of the metrics API could not be looked after');
      }
      await clock.sleep(waitMs, signal).catch(() => {}); // aborted: the loop sees it
    }
  }

  private async look(signal: AbortSignal): Promise<void> {
    const { client, secret: ref, service, clock, logger } = this.options;
    const [stored, ...registered] = await Promise.all([
      unlessMissing(client.get(secrets, ref, { signal })),
      ...servedGroups.map(({ group, version }) => unlessMissing(client.get(apiServices, { name: `${version}.${group}` }, { signal }))),
    ]);
    const ours = registered.filter((each) => each !== undefined).filter((each) => leadsTo(each, service));
    const identity = readIdentity(stored);
    const dnsNames = namesOf(service);
    const published = identity !== undefined && ours.every((each) => each.spec.caBundle === encoded(identity));
    const step = planIdentity({ identity, dnsNames, published, now: clock.now() });
    const current = step === 'keep' ? identity : await takeStep(step, identity, dnsNames, clock.now());
    if (!current) return;
    if (step !== 'keep') {
      await this.store(current, stored, signal);
      logger.info({ step, secret: `${ref.namespace}/${ref.name}` }, 'the certificate of the metrics API was made anew');
    }
    for (const each of ours) await this.publish(each, current, signal);
  }

  private async store(identity: Identity, stored: Secret | undefined, signal: AbortSignal): Promise<void> {
    const { client, secret: ref } = this.options;
    const data = secretData(identity);
    if (stored) await client.update(secrets, { ...stored, data }, { signal });
    else await client.create(secrets, { metadata: { ...ref, labels: { 'app.kubernetes.io/part-of': 'modelfleet' } }, data }, { signal });
  }

  private async publish(registered: ApiService, identity: Identity, signal: AbortSignal): Promise<void> {
    const caBundle = encoded(identity);
    if (registered.spec.caBundle === caBundle) return;
    const { name, resourceVersion } = registered.metadata;
    // As of the version that was looked at: it may lead elsewhere by now.
    const patch = { metadata: { resourceVersion }, spec: { caBundle } };
    await this.options.client.mergePatch(apiServices, { name }, patch, { signal });
    this.options.logger.info({ apiService: name }, 'the API server was told whom to trust');
  }
}

function encoded(identity: Identity): string {
  return Buffer.from(bundleOf(identity)).toString('base64');
}

function leadsTo({ spec }: ApiService, { namespace, name }: Place): boolean {
  return spec.service?.namespace === namespace && spec.service?.name === name;
}

/** What the API server calls a server behind a Service, and what others in the cluster may. */
function namesOf({ namespace, name }: Place): readonly string[] {
  return [`${name}.${namespace}.svc`, `${name}.${namespace}`, `${name}.${namespace}.svc.cluster.local`];
}

async function unlessMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
