import { typeOfExtension } from './media-types.js';

// RFC 2045 §5.1. A token never holds what ends it, so each is one pass.
const TYPE = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}/i;
const PARAMETER = / *; *([a-z0-9!#$&^_.+*-]+)=([\w!#$%&'*+.^`{|}~-]+|"[ !#-[\]-~]*")/iy;

/** A media type and its parameters in one spelling; `undefined` when malformed. */
export function parseMediaType(value: string): string | undefined {
  const text = value.trim();
  const type = TYPE.exec(text)?.[0];
  if (type === undefined || text.length > 512) return undefined;
  let result = type.toLowerCase();
  let end = type.length;
  while (end < text.length) {
    PARAMETER.lastIndex = end;
    const parameter = PARAMETER.exec(text);
    if (!parameter) return undefined;
    result += `; ${parameter[1]!.toLowerCase()}=${parameter[2]!}`;
    end = PARAMETER.lastIndex;
  }
  return result;
}

/** Bytes of which nothing is said (RFC 2046 §4.5.1). */
export const OCTET_STREAM = 'application/octet-stream';

/** The value of a parameter, unquoted; `type` as `parseMediaType` spells it. */
export function parameterOf(type: string, name: string): string | undefined {
  const found = type.split('; ').find((parameter) => parameter.startsWith(`${name}=`));
  return found?.slice(name.length + 1).replace(/^"(.*)"$/, '$1');
}

/** The media type that a filename stands for, else `application/octet-stream`. */
export function mediaTypeOf(filename: string | undefined): string {
  const dot = filename?.lastIndexOf('.') ?? -1;
  const known = dot < 0 ? undefined : typeOfExtension(filename!.slice(dot + 1));
  return known ?? OCTET_STREAM;
}
