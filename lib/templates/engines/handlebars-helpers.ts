import { MailTemplateError } from '../../base/errors.js';
import { isThenable } from '../../base/thenable.js';
import type { TemplateHelper } from '../template.js';
import { BadVariable, HelperFailure } from './handlebars-faults.js';
import { showSafe, verbatim, type TraceRecorder } from './handlebars-trace.js';

/** What Handlebars gives a helper last. */
export interface HelperOptions {
  readonly hash: Record<string, unknown>;
  /** Its line is the number of the mustache. */
  readonly loc?: { readonly start: { readonly line: number } };
  /** Of a block only. */
  readonly fn?: (context: unknown, options?: object) => string;
  readonly inverse?: (context: unknown, options?: object) => string;
}

export const isAsync = (helper: TemplateHelper | undefined): boolean =>
  helper?.constructor.name === 'AsyncFunction';

/** A helper of the app's own: it sees filled blocks, and its faults lead back to file and line. */
export function guardHelper(
  name: string,
  helper: TemplateHelper,
  recorder: TraceRecorder,
  isText: boolean,
): (this: unknown, ...args: unknown[]) => unknown {
  return function (this: unknown, ...args: unknown[]): unknown {
    const options = args.at(-1) as HelperOptions;
    const { fn, inverse, loc } = options;
    const origin = loc?.start.line ?? 0;
    const filled = (block: HelperOptions['fn']) =>
      block && ((...given: [unknown, object?]) => recorder.filled(() => block(...given), isText));
    const last = fn ? { ...options, fn: filled(fn), inverse: filled(inverse) } : options;
    const value = call(name, origin, () =>
      helper.apply(this, [...args.slice(0, -1), last] as never[]),
    );
    if (isThenable(value)) throw new BadVariable(name, origin, 'promise');
    if (!fn) return value;
    return verbatim(showSafe(value, isText ? recorder.safeToText : undefined) ?? '');
  };
}

function call(name: string, origin: number, helper: () => unknown): unknown {
  try {
    return helper();
  } catch (cause) {
    // What stands in a block has been told already.
    if (cause instanceof BadVariable || cause instanceof HelperFailure) throw cause;
    if (cause instanceof MailTemplateError) throw cause;
    throw new HelperFailure(name, origin, cause);
  }
}

/** `{{> name context a=b}}`, after the partial's text was put in its place. */
export function partial(this: unknown, ...args: unknown[]): string {
  const options = args.at(-1) as HelperOptions;
  const context = args.length > 1 ? args[0] : this;
  const fields = typeof context === 'object' ? context : undefined;
  return options.fn!({ ...fields, ...options.hash });
}
