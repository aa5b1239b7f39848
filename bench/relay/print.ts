/** One figure of the report. */
export function show(name: string, value: string): void {
  console.log(`${name.padEnd(48)}${value}`);
}

export const count = (value: number): string => Math.round(value).toLocaleString('en');

export const percent = (value: number, of: number): string => `${Math.round((value / of) * 100)}%`;

/** Of values in ascending order. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}
