import { createPrivateKey, type KeyObject } from 'node:crypto';
import { normalizeDomain } from '../../../message/address/domain.js';
import type { OptionReader } from '../../../base/option-reader.js';

export interface SmtpDkimOptions {
  /** The domain that answers for the mail (`d=`). */
  readonly domainName: string;
  /** Its key's record is `<keySelector>._domainkey.<domainName>`. */
  readonly keySelector: string;
  /** PEM, unencrypted: RSA of 1024 bits at least (RFC 8301), or Ed25519 (RFC 8463). */
  readonly privateKey: string;
  /** Header fields to sign, colon-separated. Default: those that RFC 6376 §5.4.1 recommends. */
  readonly headerFieldNames?: string;
  /** Header fields to leave out, colon-separated. */
  readonly skipFields?: string;
}

const KEYS = ['domainName', 'keySelector', 'privateKey', 'headerFieldNames', 'skipFields'];

/** RFC 6376 §3.1. */
const SELECTOR = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;
/** RFC 5322 §2.2; `;` would end the tag. */
const FIELDS = /^[!-9<-~]+(?: *: *[!-9<-~]+)*$/;
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
    headerFieldNames: readFields(reader, 'headerFieldNames'),
    skipFields: readFields(reader, 'skipFields'),
  };
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
