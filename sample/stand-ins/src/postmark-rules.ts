/**
 * Postmark's rules for an email, by https://postmarkapp.com/developer/api/email-api and its support
 * pages. Stricter in one thing: a key that the page does not know is refused.
 */

export interface PostmarkMail {
  readonly From: string;
  readonly To: string;
  readonly Cc?: string;
  readonly Bcc?: string;
  readonly Subject?: string;
  readonly TextBody?: string;
  readonly HtmlBody?: string;
  readonly Tag?: string;
  readonly Metadata?: Readonly<Record<string, string>>;
  readonly Headers?: readonly { readonly Name: string; readonly Value: string }[];
  readonly Attachments?: readonly {
    readonly Name: string;
    readonly Content: string;
    readonly ContentType: string;
    readonly ContentID?: string;
  }[];
}

/** An answer about one mail. `ErrorCode` 0 is success. */
export interface PostmarkFault {
  readonly ErrorCode: number;
  readonly Message: string;
  readonly [more: string]: unknown;
}

const KEYS = (
  'From To Cc Bcc ReplyTo Subject TextBody HtmlBody Tag Metadata Headers Attachments ' +
  'MessageStream TrackOpens TrackLinks'
).split(' ');
const MAILBOX = /^[a-z0-9.!#$%&'`*+\-/=^_{}|~]+@(?:\.?[a-z0-9-])+$/i;

/** The mail and its recipients, or the first fault. */
export function checkEmail(
  value: unknown,
): PostmarkFault | { readonly mail: PostmarkMail; readonly recipients: readonly string[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ErrorCode: 403, Message: 'Incompatible JSON' };
  }
  const mail = value as Record<string, unknown>;
  const problem = findProblem(mail);
  if (problem !== undefined) return { ErrorCode: 300, Message: problem };
  const recipients = ['To', 'Cc', 'Bcc'].flatMap((key) => addressesOf(mail[key]) ?? []);
  return { mail: mail as unknown as PostmarkMail, recipients };
}

function findProblem(mail: Record<string, unknown>): string | undefined {
  const unknown = Object.keys(mail).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) return `Unknown field '${unknown}'.`;
  if (addressesOf(mail['From'])?.length !== 1) return "Invalid 'From' address.";
  if ((addressesOf(mail['To'])?.length ?? 0) === 0) return "Invalid 'To' address.";
  for (const key of ['Cc', 'Bcc', 'ReplyTo']) {
    if (mail[key] !== undefined && !addressesOf(mail[key])) return `Invalid '${key}' address.`;
  }
  const all = ['To', 'Cc', 'Bcc'].flatMap((key) => addressesOf(mail[key]) ?? []);
  if (all.length > 50) return 'Too many recipients: at most 50.';
  const { Subject, TextBody, HtmlBody, Tag, Metadata, TrackLinks } = mail;
  if (!TextBody && !HtmlBody) return 'Provide either email TextBody or HtmlBody or both.';
  for (const text of [Subject, TextBody, HtmlBody, Tag]) {
    if (text !== undefined && typeof text !== 'string') return 'Incompatible type';
  }
  if (typeof Tag === 'string' && Tag.length > 1000) return 'The Tag is too long.';
  const links = ['None', 'HtmlAndText', 'HtmlOnly', 'TextOnly'];
  if (TrackLinks !== undefined && !links.includes(TrackLinks as string)) return 'Bad TrackLinks';
  return metadataProblem(Metadata) ?? headersProblem(mail['Headers']) ?? filesProblem(mail);
}

/** The addresses of `"Name" <a@b>, c@d`, or nothing where one is no address. */
function addressesOf(value: unknown): string[] | undefined {
  if (typeof value !== 'string' || /[\r\n]/.test(value)) return undefined;
  const parts = value.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  const addresses = parts.map((part) => {
    const named = /^\s*(?:"(?:[^"\\]|\\.)*"|[\w ]*)\s*<([^<>]+)>\s*$/.exec(part);
    return (named?.[1] ?? part).trim();
  });
  return addresses.every((address) => MAILBOX.test(address)) ? addresses : undefined;
}

function metadataProblem(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.length > 10) return 'Metadata has more than 10 fields.';
  const keys = new Set(entries.map(([key]) => key.toLowerCase()));
  if (keys.size < entries.length) return 'Metadata has a key twice.';
  const good = entries.every(
    ([key, item]) => key.length <= 20 && typeof item === 'string' && item.length <= 80,
  );
  return good ? undefined : 'Metadata keys have 20 and values 80 characters at most.';
}

function headersProblem(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) return 'Headers is no array.';
  const good = value.every((item: unknown) => {
    const { Name, Value } = (item ?? {}) as { Name?: unknown; Value?: unknown };
    return (
      typeof Name === 'string' &&
      /^[!-9;-~]+$/.test(Name) &&
      typeof Value === 'string' &&
      /^[\t -~]*$/.test(Value)
    );
  });
  return good ? undefined : 'A header is not valid.';
}

function filesProblem({ Attachments }: Record<string, unknown>): string | undefined {
  if (Attachments === undefined) return undefined;
  if (!Array.isArray(Attachments)) return 'Attachments is no array.';
  const good = Attachments.every((item: unknown) => {
    const { Name, Content, ContentType, ContentID } = item as Record<string, unknown>;
    return (
      [Name, Content, ContentType].every((part) => typeof part === 'string' && part !== '') &&
      /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=))?$/.test(Content as string) &&
      (ContentID === undefined || /^cid:./.test(ContentID as string))
    );
  });
  return good ? undefined : 'An attachment is not valid.';
}
