import type { Mail } from '../../message/mail.js';

/** Bounds on what is kept: mails, and characters of their stored form. */
const MAX_MAILS = 1_000;
const MAX_CHARACTERS = 8 * 1024 * 1024;

/**
 * Mails that this process has just stored and will most likely lease itself: those need not be read
 * back and checked again. It keeps the first, not the last: they are first in line.
 */
export class RecentMails {
  private readonly mails = new Map<string, { readonly mail: Mail; readonly size: number }>();
  private characters = 0;

  /** `size` is that of its stored form, in characters. */
  add(mail: Mail, size: number): void {
    if (this.mails.size >= MAX_MAILS || this.characters + size > MAX_CHARACTERS) return;
    this.mails.set(mail.id, { mail, size });
    this.characters += size;
  }

  take(id: string): Mail | undefined {
    const entry = this.mails.get(id);
    if (!entry) return undefined;
    this.mails.delete(id);
    this.characters -= entry.size;
    return entry.mail;
  }

  ids(): string[] {
    return [...this.mails.keys()];
  }

  clear(): void {
    this.mails.clear();
    this.characters = 0;
  }
}
