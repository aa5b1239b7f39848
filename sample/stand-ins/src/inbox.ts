/** A mail as it arrived at a stand-in, ready to be shown. Everything in it may be hostile. */
export interface ArrivedMail {
  readonly transport: 'SMTP' | 'Web API';
  readonly from: string;
  readonly to: string;
  /** Whom the envelope named, Bcc included. */
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly text?: string;
  readonly html?: string;
  readonly attachments: readonly ArrivedAttachment[];
  /** What came over the wire: the raw message, or the request's JSON. */
  readonly source: string;
}

export interface ArrivedAttachment {
  readonly filename: string;
  readonly contentType: string;
  /** In bytes. */
  readonly size: number;
}

export interface InboxMail extends ArrivedMail {
  readonly id: number;
  readonly arrivedAt: Date;
}

/** Keeps the newest mails in memory, whichever transport they came by. */
export class Inbox {
  private readonly kept: InboxMail[] = [];
  private count = 0;

  /** @param limit How many mails to keep; the oldest go first. Default 200. */
  constructor(private readonly limit = 200) {}

  add(mail: ArrivedMail): InboxMail {
    const added = { ...mail, id: ++this.count, arrivedAt: new Date() };
    this.kept.unshift(added);
    this.kept.length = Math.min(this.kept.length, this.limit);
    return added;
  }

  /** Newest first. */
  list(): readonly InboxMail[] {
    return this.kept;
  }

  get(id: number): InboxMail | undefined {
    return this.kept.find((mail) => mail.id === id);
  }
}

/** An address as people write it. */
export const written = (name: string | undefined, address: string): string =>
  name ? `${name} <${address}>` : address;
