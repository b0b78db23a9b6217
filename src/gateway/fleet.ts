import type { Random } from '../core/clock.ts';
import { ModelLine } from './line.ts';
import type { Model, Models, ServedName } from './models.ts';
import { alone, type Rank } from './policies/slots.ts';
import type { ModelSpec, ReplicaSpec, ServingLimits } from './ports.ts';
import { type OpenUpstream, Replica } from './replica.ts';

/** Limits of a line whose deployment has not been seen yet: nobody can name it, so nobody waits in it. */
const closedLimits: ServingLimits = {
  maxConcurrencyPerReplica: 1,
  maxQueue: 0,
  queueTimeoutMs: 0,
  holdTimeoutMs: 0,
  firstTokenTimeoutMs: 0,
  idleStreamTimeoutMs: 0,
  requestTimeoutMs: 0,
};

type Entry = { spec: ModelSpec | undefined; readonly line: ModelLine; readonly replicas: Map<string, Replica> };

type FleetOptions = {
  readonly open: OpenUpstream;
  readonly random: Random;
  readonly now: () => number;
  /** Hears of a replica, by its name, whose engine hangs. */
  readonly onWedged?: ((model: string, replica: string) => void) | undefined;
};

/**
 * The deployments and replicas that the gateway knows, fed by whoever watches them. Changes act at once: a replica that is
 * no longer ready gets nothing new, one that is gone is closed after its running answers, one that became ready takes from the line.
 */
export class Fleet implements Models {
  private readonly entries = new Map<string, Entry>();
  private readonly claims = new Map<string, Model[]>();
  private readonly closing = new Set<Promise<void>>();
  private readonly options: FleetOptions;
  private rank: Rank = alone;

  constructor(options: FleetOptions) {
    this.options = options;
  }

  find(name: string): Model | undefined {
    return this.exactly(name) ?? this.withAdapter(name);
  }

  served(): readonly ServedName[] {
    const names = [...this.claims].flatMap(([name, [owner]]) => {
      if (!owner) return [];
      const { createdAt, adapters = [] } = owner.spec;
      return [name, ...adapters.map((adapter) => `${name}:${adapter}`)].map((id) => ({ id, createdAt }));
    });
    return names.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  }

  *all(): Iterable<Model> {
    for (const { spec, line } of this.entries.values()) if (spec) yield { spec, line };
  }

  setModel(spec: ModelSpec): void {
    const entry = this.entry(spec.key);
    this.unclaim(spec.key, entry.spec);
    entry.spec = spec;
    for (const name of spec.names) {
      const claimants = [...(this.claims.get(name) ?? []), { spec, line: entry.line }];
      this.claims.set(name, claimants.sort(byAge));
    }
    entry.line.configure(spec.limits, spec.availability);
  }

  deleteModel(key: string): void {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.unclaim(key, entry.spec);
    entry.spec = undefined;
    entry.line.close();
    this.forgetIfEmpty(key, entry);
  }

  /** Adds a replica of the deployment `key`, or takes over what changed of it. A new address makes it a new replica. */
  setReplica(key: string, spec: ReplicaSpec): void {
    const entry = this.entry(key);
    let replica = entry.replicas.get(spec.id);
    if (replica && replica.origin !== spec.origin) {
      this.remove(entry, replica);
      replica = undefined;
    }
    if (!replica) {
      replica = this.makeReplica(key, spec, entry.line);
      entry.replicas.set(spec.id, replica);
      entry.line.replicas.add(replica);
    }
    replica.adapters = spec.adapters ?? [];
    replica.ready = spec.ready;
    entry.line.changed();
  }

  deleteReplica(key: string, id: string): void {
    const entry = this.entries.get(key);
    const replica = entry?.replicas.get(id);
    if (!entry || !replica) return;
    this.remove(entry, replica);
    entry.line.changed();
    this.forgetIfEmpty(key, entry);
  }

  /** Shares the replicas' slots with the other gateways, of which there are now so many. */
  setRank(rank: Rank): void {
    if (rank.rank === this.rank.rank && rank.gateways === this.rank.gateways) return;
    this.rank = rank;
    for (const { line } of this.entries.values()) line.setRank(rank);
  }

  /** Closes all connections once their answers have ended; resolves then. */
  async close(): Promise<void> {
    for (const entry of this.entries.values()) for (const replica of entry.replicas.values()) this.remove(entry, replica);
    await Promise.all(this.closing);
  }

  private makeReplica(key: string, spec: ReplicaSpec, line: ModelLine): Replica {
    const { open, now, onWedged } = this.options;
    const replica = new Replica(spec, open(spec.origin), now, () => {
      line.leaveAlone(replica);
      onWedged?.(key, spec.name);
    });
    return replica;
  }

  private exactly(name: string): Model | undefined {
    return this.model(name) ?? this.claims.get(name)?.[0];
  }

  /** `NAME:ADAPTER`, where no deployment has that for a name of its own. */
  private withAdapter(name: string): Model | undefined {
    const colon = name.lastIndexOf(':');
    const model = colon > 0 ? this.exactly(name.slice(0, colon)) : undefined;
    const adapter = name.slice(colon + 1);
    return model?.spec.adapters?.includes(adapter) ? { ...model, adapter } : undefined;
  }

  private model(key: string): Model | undefined {
    const entry = this.entries.get(key);
    return entry?.spec && { spec: entry.spec, line: entry.line };
  }

  private entry(key: string): Entry {
    let entry = this.entries.get(key);
    if (!entry) {
      entry = { spec: undefined, line: new ModelLine(closedLimits, this.options.random, this.options.now), replicas: new Map() };
      entry.line.setRank(this.rank);
      this.entries.set(key, entry);
    }
    return entry;
  }

  private unclaim(key: string, spec: ModelSpec | undefined): void {
    for (const name of spec?.names ?? []) {
      const others = (this.claims.get(name) ?? []).filter((model) => model.spec.key !== key);
      if (others.length > 0) this.claims.set(name, others);
      else this.claims.delete(name);
    }
  }

  private remove(entry: Entry, replica: Replica): void {
    replica.ready = false;
    entry.replicas.delete(replica.id);
    entry.line.replicas.delete(replica);
    const closed = replica.upstream.close().finally(() => this.closing.delete(closed));
    this.closing.add(closed);
  }

  private forgetIfEmpty(key: string, entry: Entry): void {
    if (!entry.spec && entry.replicas.size === 0) this.entries.delete(key);
  }
}

/** The older deployment keeps a name that two claim; the key decides between twins. */
function byAge(a: Model, b: Model): number {
  return a.spec.createdAt - b.spec.createdAt || (a.spec.key < b.spec.key ? -1 : 1);
}
