const MOST = 10_000;

/**
 * Which transport may have accepted which mail. It stays there: on another it would be a duplicate if it had
 * been accepted. Lives in memory, the newest 10,000 mails.
 */
export class PinnedMails<RouteMember> {
  private readonly members = new Map<string, RouteMember>();

  get(id: string): RouteMember | undefined {
    return this.members.get(id);
  }

  pin(id: string, member: RouteMember): void {
    this.members.delete(id);
    this.members.set(id, member);
    if (this.members.size <= MOST) return;
    const [oldest] = this.members.keys();
    if (oldest !== undefined) this.members.delete(oldest);
  }

  unpin(id: string): void {
    this.members.delete(id);
  }
}
