/**
 * A media type whose parameters are ASCII tokens or plain quoted strings (RFC 2045 §5.1) and can be
 * repeated as they are.
 */
const SIMPLE_TYPE =
  /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?:; ?[\w!#$&^.+-]{1,60}=(?:[\w!#$&^.+-]{1,200}|"[\x20\x21\x23-\x5b\x5d-\x7e]{0,200}"))*$/;
/** These may not be encoded (RFC 2046 §5.1, §5.2.1), or would contradict what the composer adds. */
const SPECIAL_TYPE = /^(?:message|multipart)\/|;\s*(?:name|boundary)\b/i;

/** Whether an attachment of this type can be written by base64 and two header lines. */
export function isSimpleType(contentType: string): boolean {
  return SIMPLE_TYPE.test(contentType) && !SPECIAL_TYPE.test(contentType);
}
