/** What can stand in a roster: it remembers where, for the roster alone. */
export type Enrolled = { slot: number };

/**
 * Objects that come and go with every request, in no order. V8 leaves the tables of a `Set` behind that is written all the time; they are
 * old, and keep what they name alive for the collections of young objects, which took more than a tenth of the gateway's time.
 */
export class Roster<T extends Enrolled> {
  private readonly list: T[] = [];

  get size(): number {
    return this.list.length;
  }

  add(one: T): void {
    one.slot = this.list.length;
    this.list.push(one);
  }

  /** Takes it out, if it is in. */
  delete(one: T): void {
    if (this.list[one.slot] !== one) return;
    const last = this.list.pop();
    if (last === undefined || last === one) return;
    last.slot = one.slot;
    this.list[one.slot] = last;
  }

  /** All who are in now: they may leave while it goes on. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.list].values();
  }
}
