import type { Mail, MailAttachment } from '../message/mail.js';

/** A mail that arrived in the outbox, with what tests ask about it. */
export class OutboxMail {
  constructor(readonly mail: Mail) {}

  get subject(): string {
    return this.mail.subject;
  }

  /** `''` when there is no text part. */
  get text(): string {
    return this.mail.text ?? '';
  }

  /** `''` when there is no html part. */
  get html(): string {
    return this.mail.html ?? '';
  }

  get from(): string {
    return this.mail.from.address;
  }

  /** Who gets it, blind copies included. */
  get recipients(): readonly string[] {
    return this.mail.envelope.to;
  }

  /** Where the html leads, in order; of a mail without html, the web addresses in the text. */
  get links(): readonly string[] {
    const { html, text } = this.mail;
    if (html === undefined) return text?.match(/https?:\/\/[^\s<>"')\]]+/g) ?? [];
    return Array.from(html.matchAll(/<a\s[^>]*?href=(?:"([^"]*)"|'([^']*)')/gi), (match) =>
      decode(match[1] ?? match[2] ?? ''),
    );
  }

  /** By its filename or Content-ID. */
  attachment(name: string): MailAttachment | undefined {
    return this.mail.attachments.find(({ filename, cid }) => filename === name || cid === name);
  }

  /** The value of an extra header, whatever the case of its name. */
  header(name: string): string | undefined {
    const lower = name.toLowerCase();
    return this.mail.headers.find((header) => header.name.toLowerCase() === lower)?.value;
  }

  /** As one line of a list. */
  toString(): string {
    return `to ${this.recipients.join(', ')}: ${JSON.stringify(this.subject)}`;
  }
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' };

function decode(text: string): string {
  return text.replace(/&(?:(amp|lt|gt|quot)|#x([0-9a-f]+)|#(\d+));/gi, (_all, name, hex, number) =>
    name !== undefined
      ? NAMED[String(name).toLowerCase()]!
      : String.fromCodePoint(parseInt(String(hex ?? number), hex === undefined ? 10 : 16)),
  );
}
