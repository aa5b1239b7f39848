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
