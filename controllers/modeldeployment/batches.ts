/** As a ReplicaSet does: 1, 2, 4 … at a time, so that work that cannot succeed fails once and not a thousand times. Throws the first failure. */
export async function inGrowingBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let done = 0, size = 1; done < items.length; done += size, size *= 2) {
    const results = await Promise.allSettled(items.slice(done, done + size).map(work));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
