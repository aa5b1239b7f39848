/** Remembers the last so many ids; the oldest is forgotten first. */
export class SeenEvents {
  private readonly ids = new Set<string>();

  constructor(private readonly max: number) {}

  /** Whether the id is new. It is not, from here on. */
  isNew(id: string): boolean {
    if (this.ids.has(id)) return false;
    this.ids.add(id);
    if (this.ids.size > this.max) {
      const [oldest] = this.ids;
      this.ids.delete(oldest!);
    }
    return true;
  }
}
