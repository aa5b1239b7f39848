import type { Mail, MailAttachment } from './mail.js';

/** A field of a mail, or of its attachments. */
export type MailField = Exclude<keyof Mail, 'attachments'> | `attachments.${keyof MailAttachment}`;

/**
 * What a carrier (MIME, a Web API) does with a field: it carries it, refuses a mail that has it, or the
 * field does not matter to it, for a reason. A field is never dropped without one.
 */
export type MailFieldRule =
  /** Where it stands in what is sent. */
  | { readonly carried: string }
  /** Why not, in the words of the error. */
  | { readonly refused: string }
  | { readonly irrelevant: string };

/**
 * A carrier's rule for every field. A table `satisfies` it, so that a field added to the type does not
 * compile until each carrier says what it does with it; `test/contract/mail-fields.spec.ts` holds each
 * carrier to its word.
 */
export type MailFieldRules = Readonly<Record<MailField, MailFieldRule>>;

/** Finds the first field of a mail that `rules` refuse, and says why. */
export function refusalBy(
  rules: MailFieldRules,
): (mail: Mail) => { readonly field: keyof Mail; readonly why: string } | undefined {
  const refused = Object.entries(rules).flatMap(([field, rule]) =>
    'refused' in rule ? [{ field: field as keyof Mail, why: rule.refused }] : [],
  );
  return (mail) => refused.find(({ field }) => mail[field] !== undefined);
}
