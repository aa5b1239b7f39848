import { MailConfigurationError } from '../base/errors.js';

/** Imports an optional peer when it is needed first, and says how to get it when it is not there. */
export async function loadPeer<T>(
  name: string,
  load: () => Promise<T>,
  option: string,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const { code } = cause as { readonly code?: unknown };
    const missing = code === 'ERR_MODULE_NOT_FOUND';
    throw new MailConfigurationError(
      option,
      `usable with the package ${name.split(' ')[0] ?? name}`,
      missing
        ? `none installed: run \`npm install ${name}\``
        : `one that fails to load: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
