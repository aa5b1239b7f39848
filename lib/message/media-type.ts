import { detectMimeType } from 'nodemailer/lib/mime-funcs';

// RFC 2045 §5.1. One pass each: a token never holds what ends it.
const TYPE = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}(?=;|$)/i;
const PARAMETERS = /^(?:;[a-z0-9!#$&^_.+*-]+=(?:[!#-'*+\-.0-9A-Z^-~]+|"[ !#-[\]-~]*"))*$/i;

/** A media type with its parameters, white space around them dropped; `undefined` when malformed. */
export function parseMediaType(value: string): string | undefined {
  if (value.length > 512) return undefined;
  const compact = value.trim().replace(/ *([;=]) */g, '$1');
  const type = TYPE.exec(compact)?.[0];
  if (type === undefined || !PARAMETERS.test(compact.slice(type.length))) return undefined;
  return type.toLowerCase() + compact.slice(type.length).replaceAll(';', '; ');
}

/** The media type that a filename stands for, else `application/octet-stream`. */
export function mediaTypeOf(filename: string | undefined): string {
  const dot = filename?.lastIndexOf('.') ?? -1;
  return dot < 0 ? 'application/octet-stream' : detectMimeType(filename);
}
