/** Columns as wide as their longest cell, for people. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  // One by one: a call takes no more arguments than the stack holds, and rows may be a million.
  const widths = heads.map((head, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), head.length),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [heads, ...rows].map(line).join('\n');
}
