const FORMS: readonly RegExp[] = [
  // Postfix, SendGrid, Haraka and many others
  /\bqueued as:? <?([^\s<>]+)/i,
  // Exim
  /\bid=([^\s<>]+)/,
  // Exchange
  /^\d\.\d\.\d\s+<([^\s<>]+)>\s.*queued/i,
  // Sendmail: "2.0.0 l1ABC Message accepted for delivery"; SES and Gmail: "OK <id>"
  /^(?:\d\.\d\.\d\s+)?(\S+) message accepted/i,
  /^(?:\d\.\d\.\d\s+)?ok:?\s+<?([\w.@-]{8,})>?(?:\s|$)/i,
];

/** The next hop's own id for a mail, where its final reply states one in a form that is known. */
export function remoteIdOf(text: string): string | undefined {
  for (const form of FORMS) {
    const id = form.exec(text)?.[1];
    if (id !== undefined) return id.replace(/[.,;)]+$/, '');
  }
  return undefined;
}
