/** Rows as kubectl prints them: columns as wide as what is in them, three spaces apart. */
export function columns(rows: readonly (readonly string[])[]): string {
  const width = (index: number) => Math.max(...rows.map((row) => row[index]?.length ?? 0));
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(width(index)))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}
