import type { Mail, MailAttachment } from '../mail.js';
import { canonicalLineEnds } from './text-body.js';

/** A mail's body as MIME parts (RFC 2046). */
export type Part = TextPart | FilePart | MultiPart;

export interface TextPart {
  readonly kind: 'text';
  readonly contentType: string;
  readonly text: string;
}

export interface FilePart {
  readonly kind: 'file';
  readonly file: MailAttachment;
  /** Its place in the mail, for names and errors. */
  readonly index: number;
}

export interface MultiPart {
  readonly kind: 'multi';
  /** `mixed`, `alternative`, or `related; type="text/html"`. */
  readonly subtype: string;
  readonly parts: readonly Part[];
}

/**
 * The tree that nodemailer builds too, and mail programs are used to:
 * mixed(alternative(text, amp, related(html, files with a cid), calendar), other files).
 * A level with one part is left out; without html every file is an attachment.
 */
export function partsOf(mail: Mail): Part {
  const related: Part[] = [];
  const attached: Part[] = [];
  mail.attachments.forEach((file, index) => {
    const inline = Boolean(mail.html) && Boolean(file.cid);
    (inline ? related : attached).push({ kind: 'file', file, index });
  });

  const alternatives: Part[] = [];
  if (mail.text) alternatives.push(text('plain; charset=utf-8', mail.text));
  if (mail.amp) alternatives.push(text('x-amp-html; charset=utf-8', mail.amp));
  if (mail.html) {
    const html = text('html; charset=utf-8', mail.html);
    alternatives.push(
      related.length > 0
        ? { kind: 'multi', subtype: 'related; type="text/html"', parts: [html, ...related] }
        : html,
    );
  }
  if (mail.icalEvent) {
    const { method, content } = mail.icalEvent;
    alternatives.push(text(`calendar; charset=utf-8; method=${method}`, content));
    // Some clients only offer to add an event that is a file.
    attached.push({ kind: 'file', file: invitation(content), index: mail.attachments.length });
  }

  const body: Part | undefined =
    alternatives.length > 1
      ? { kind: 'multi', subtype: 'alternative', parts: alternatives }
      : alternatives[0];
  if (attached.length === 0) return body ?? text('plain', '');
  if (!body && attached.length === 1) return attached[0]!;
  return { kind: 'multi', subtype: 'mixed', parts: body ? [body, ...attached] : attached };
}

function text(subtype: string, content: string): TextPart {
  return { kind: 'text', contentType: `text/${subtype}`, text: content };
}

function invitation(content: string): MailAttachment {
  return {
    filename: 'invite.ics',
    contentType: 'application/ics',
    content: Buffer.from(canonicalLineEnds(content)),
    disposition: 'attachment',
  };
}
