import { parseAddrSpec } from '../address/addr-spec.js';
import { MAX_NAME_LENGTH, makeAddress, parseAddressList } from '../address/address.js';
import { checkUnknown, isObject, readField } from './fields.js';
import type { IssueList } from './issues.js';
import type { MailAddress, MailEnvelope } from '../mail.js';
import { NONE, readLine } from './read-basics.js';
import { fieldTextFault, show } from '../text.js';

const SHAPE = "Write 'jo@example.com', 'Jo <jo@example.com>' or { name, address }";

function readParts(issues: IssueList, path: string, value: object): MailAddress | undefined {
  checkUnknown(issues, path, value, ['name', 'address'], {
    group: 'List the members of a group as addresses of their own',
  });
  const name = readLine(issues, `${path}.name`, readField(value, 'name'), {
    empty: true,
    max: MAX_NAME_LENGTH,
  });
  const given = readField(value, 'address');
  if (given === undefined) {
    issues.add(`${path}.address`, 'is missing', SHAPE);
    return undefined;
  }
  const text = readLine(issues, `${path}.address`, given);
  if (text === undefined) return undefined;
  const address = parseAddrSpec(text.trim());
  if (typeof address === 'string') return makeAddress(name?.trim(), address);
  issues.addFault(`${path}.address`, address);
  return undefined;
}

function readInto(issues: IssueList, path: string, value: unknown, into: MailAddress[]): void {
  if (typeof value === 'string') {
    const { addresses, faults } = parseAddressList(value);
    for (const address of addresses) into.push(address);
    for (const fault of faults) issues.addFault(path, fault);
  } else if (isObject(value)) {
    const address = readParts(issues, path, value);
    if (address) into.push(address);
  } else {
    issues.add(path, `expected an address, got ${show(value)}`, SHAPE);
  }
}

/** One or more addresses, in order. */
export function readAddresses(
  issues: IssueList,
  path: string,
  value: unknown,
): readonly MailAddress[] {
  if (value === undefined) return NONE;
  const into: MailAddress[] = [];
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) readInto(issues, `${path}[${i}]`, value[i], into);
  } else {
    readInto(issues, path, value, into);
  }
  return into;
}

/** The last single address that was read as text: one sender writes most mail of an app. */
let known: { readonly text: string; readonly address: MailAddress } | undefined;

/** Exactly one address. */
export function readAddress(
  issues: IssueList,
  path: string,
  value: unknown,
): MailAddress | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') return readOne(issues, path, value);
  if (known?.text === value) return known.address;
  const before = issues.count;
  const address = readOne(issues, path, value);
  if (address && issues.count === before) known = { text: value, address };
  return address;
}

function readOne(issues: IssueList, path: string, value: unknown): MailAddress | undefined {
  const before = issues.count;
  const into: MailAddress[] = [];
  readInto(issues, path, value, into);
  if (into.length === 1 || issues.count > before) return into[0];
  if (into.length === 0) issues.add(path, 'is empty', SHAPE);
  else issues.add(path, `holds ${into.length} addresses`, 'Give exactly one address here');
  return undefined;
}

/** Each address once; the order of first mention stays. */
function unique(addresses: readonly MailAddress[]): readonly string[] {
  if (addresses.length === 1) return [addresses[0]!.address];
  return [...new Set(addresses.map(({ address }) => address))];
}

export interface EnvelopeParties {
  readonly from?: MailAddress;
  readonly sender?: MailAddress;
  readonly recipients: readonly MailAddress[];
}

/** Who the next hop is told about: what the caller says, else what follows from the header fields. */
export function readEnvelope(
  issues: IssueList,
  path: string,
  value: unknown,
  parties: EnvelopeParties,
): MailEnvelope {
  const fallback = parties.sender?.address ?? parties.from?.address ?? '';
  if (value === undefined) return { from: fallback, to: unique(parties.recipients) };
  if (!isObject(value)) {
    issues.add(path, `expected an object, got ${show(value)}`, 'Write `envelope: { from, to }`');
    return { from: fallback, to: [] };
  }
  checkUnknown(issues, path, value, ['from', 'to'], {
    size: 'Remove it: the size is measured, never taken from outside',
    use8BitMime: 'Remove it: it follows from the content',
    dsn: 'Use `dsn` of the message itself',
    requireTLSExtensionEnabled: 'Use that of the message itself',
    cc: 'Put every recipient into `envelope.to`',
    bcc: 'Put every recipient into `envelope.to`',
  });
  const givenFrom = readField(value, 'from');
  const from =
    givenFrom === '' ? '' : (readAddress(issues, `${path}.from`, givenFrom)?.address ?? fallback);
  const givenTo = readField(value, 'to');
  if (givenTo === undefined) return { from, to: unique(parties.recipients) };
  const before = issues.count;
  const to = unique(readAddresses(issues, `${path}.to`, givenTo));
  if (to.length === 0 && issues.count === before) {
    issues.add(`${path}.to`, 'has no recipient', 'Name at least one address, or leave it out');
  }
  return { from, to };
}

/** A text that may be an address, for `List-*` values. */
export function looksLikeAddress(text: string): string | undefined {
  if (fieldTextFault(text)) return undefined;
  const address = parseAddrSpec(text);
  return typeof address === 'string' ? address : undefined;
}
