/** Names of a colon-separated list, in lower case, repeated ones as often as they stand. */
export function namesOf(list = ''): readonly string[] {
  const names = list.toLowerCase().split(':');
  return names.map((name) => name.trim()).filter((name) => name !== '');
}
