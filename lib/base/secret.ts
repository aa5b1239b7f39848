import { inspect } from 'node:util';

/** Holds what neither `util.inspect` nor `JSON.stringify` may show, nor any walk over an object's properties. */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/**
 * Keeps what these keys hold from `util.inspect`, `JSON.stringify` and every walk over the object; code that
 * knows the key reads it as before. A spread leaves it out.
 */
export function conceal<T extends object>(object: T, ...keys: readonly (keyof T)[]): T {
  for (const key of keys) {
    if (Object.hasOwn(object, key)) Object.defineProperty(object, key, { enumerable: false });
  }
  return object;
}
