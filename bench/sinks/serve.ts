/** What a sink's process is asked and what it answers. */
export interface SinkStarted {
  readonly port: number;
  /** Who it is, for the report; for example `Postfix 3.7.11`. */
  readonly about: string;
}

export interface SinkCount {
  /** Messages that it has accepted since its start. */
  readonly accepted: number;
}

/**
 * The one protocol of all sinks, each a process of its own: it says its port, counts when asked, and
 * ends with its parent, however that ends.
 */
export function serveParent(
  started: SinkStarted,
  count: () => number,
  stop: () => void = () => undefined,
): void {
  process.send?.(started);
  process.on('message', () => process.send?.({ accepted: count() } satisfies SinkCount));
  process.on('disconnect', () => {
    stop();
    process.exit();
  });
  // Ctrl+C reaches the whole group; the parent decides when a sink ends.
  process.on('SIGINT', () => undefined);
}
