/** How many there are of each kind of thing that this process waits for: sockets, timers, files. */
export function openResources(): Readonly<Record<string, number | undefined>> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
