import { createPrivateKey, type KeyObject } from 'node:crypto';
import { normalizeDomain } from '../../../message/address/domain.js';
import { namesOf } from './field-names.js';
import type { OptionReader } from '../../../base/option-reader.js';

export interface SmtpDkimOptions {
  /** The domain that answers for the mail (`d=`). */
  readonly domainName: string;
  /** Its key's record is `<keySelector>._domainkey.<domainName>`. */
  readonly keySelector: string;
  /** PEM, unencrypted: RSA of 1024 bits at least (RFC 8301), or Ed25519 (RFC 8463). */
  readonly privateKey: string;
  /**
   * Header fields to sign, colon-separated, `from` among them. One named once more than the mail has it
   * may not be added on the way (RFC 6376 §8.15). At most 900 characters. Default: those that
   * RFC 6376 §5.4.1 recommends, and `List-Unsubscribe-Post` (RFC 8058).
   */
  readonly headerFieldNames?: string;
  /** Header fields to leave out, colon-separated; not `from`. */
  readonly skipFields?: string;
  /**
   * Nobody on the way may add a second From, Reply-To, Subject, To, Cc or other signed field of the mail
   * without breaking the signature (RFC 6376 §8.15). Default `false`.
   */
  readonly oversign?: boolean;
}

const KEYS = [
  'domainName',
  'keySelector',
  'privateKey',
  'headerFieldNames',
  'skipFields',
  'oversign',
];

/** RFC 6376 §3.1. */
const SELECTOR = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;
/** RFC 5322 §2.2; `;` would end the tag. */
const FIELDS = /^[!-9<-~]+(?: *: *[!-9<-~]+)*$/;
const MAX_FIELDS = 900;
const MIN_RSA_BITS = 1024;

export function readDkim(parent: OptionReader): SmtpDkimOptions | undefined {
  if (parent.raw('dkim') === undefined) return undefined;
  const reader = parent.nested('dkim', KEYS);
  const domainName = normalizeDomain(reader.string('domainName'));
  const keySelector = reader.string('keySelector');
  if (!SELECTOR.test(keySelector)) reader.fail('keySelector', 'labels of a DNS name');
  return {
    domainName:
      typeof domainName === 'string' && !domainName.startsWith('[')
        ? domainName
        : reader.fail('domainName', 'a domain name'),
    keySelector,
    privateKey: readKey(reader),
    ...readSignedFields(reader),
    oversign: reader.boolean('oversign', false),
  };
}

/** A signature that does not cover From is none (RFC 6376 §5.4). */
function readSignedFields(
  reader: OptionReader,
): Pick<SmtpDkimOptions, 'headerFieldNames' | 'skipFields'> {
  const headerFieldNames = readFields(reader, 'headerFieldNames');
  const skipFields = readFields(reader, 'skipFields');
  if (headerFieldNames !== undefined) {
    if (!namesOf(headerFieldNames).includes('from')) {
      const expected =
        '`from` among the fields, which every signature has to cover (RFC 6376 §5.4)';
      reader.fail('headerFieldNames', expected, 'a list without it');
    }
    const { length } = headerFieldNames;
    if (length > MAX_FIELDS) {
      // `h=` is a line of the header (RFC 5322 §2.1.1).
      reader.fail('headerFieldNames', `at most ${MAX_FIELDS} characters`, `${length}`);
    }
  }
  if (namesOf(skipFields).includes('from')) {
    const expected = 'without `from`, which every signature has to cover (RFC 6376 §5.4)';
    reader.fail('skipFields', expected, 'a list with it');
  }
  return { headerFieldNames, skipFields };
}

function readFields(reader: OptionReader, key: string): string | undefined {
  const list = reader.optionalString(key);
  if (list === undefined || FIELDS.test(list)) return list;
  return reader.fail(key, 'names of header fields with colons between them');
}

function readKey(reader: OptionReader): string {
  const expected = `an RSA key of ${MIN_RSA_BITS} bits or more, or an Ed25519 key, in PEM, unencrypted`;
  const pem = reader.raw('privateKey');
  if (typeof pem !== 'string') return reader.fail('privateKey', expected);
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The parser's own words could quote the key.
    return reader.fail('privateKey', expected, 'a string that is none');
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const bits = details?.modulusLength ?? 0;
  if (type === 'ed25519' || (type === 'rsa' && bits >= MIN_RSA_BITS)) return pem;
  return reader.fail('privateKey', expected, type === 'rsa' ? `${bits} bits` : `a key of ${type}`);
}
