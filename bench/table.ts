/** Columns under each other, the first to the left, the others to the right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  }
  for (const row of rows) {
    const cells = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
    );
    console.log(cells.join('  ').trimEnd());
  }
}

export function rate(perSecond: number): string {
  return perSecond < 1000 ? perSecond.toPrecision(3) : Math.round(perSecond).toLocaleString('en');
}

export function ratio(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)}x`;
}

export function bytes(count: number): string {
  return `${Math.round(count / 1024 / 1024)} MiB`;
}
