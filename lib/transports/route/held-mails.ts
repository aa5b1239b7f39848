const MOST = 10_000;

/**
 * Which road may have accepted which mail. It stays there: on another it would be a duplicate if it had
 * been accepted. Lives in memory, the newest 10,000 mails.
 */
export class HeldMails<Road> {
  private readonly roads = new Map<string, Road>();

  get(id: string): Road | undefined {
    return this.roads.get(id);
  }

  hold(id: string, road: Road): void {
    this.roads.delete(id);
    this.roads.set(id, road);
    if (this.roads.size <= MOST) return;
    const [oldest] = this.roads.keys();
    if (oldest !== undefined) this.roads.delete(oldest);
  }

  release(id: string): void {
    this.roads.delete(id);
  }
}
