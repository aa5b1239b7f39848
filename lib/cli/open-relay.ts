import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { MailConfigurationError } from '../base/errors.js';
import { SpoolRelay } from '../relay/spool/index.js';
import { readSpoolOptions } from '../relay/spool/spool.options.js';
import type { MailRelay } from '../relay/relay.js';

const QUEUE = 'nestjs-mail-relay';
const SCHEMES = 'spool:FILE, redis://HOST/DB?queue=NAME or rediss://…';

/**
 * The relay that a URL names.
 * @throws MailConfigurationError where it is not there, or what it needs is not installed.
 */
export async function openRelay(url: string): Promise<MailRelay> {
  const [, scheme = ''] = /^([a-z][a-z0-9+.-]*):/i.exec(url) ?? [];
  switch (scheme.toLowerCase()) {
    case 'spool':
      return openSpool(url.slice('spool:'.length));
    case 'redis':
    case 'rediss': {
      if (!URL.canParse(url)) break;
      needPackages('a relay in Redis', ['bull', '@nestjs/bull']);
      const { openBull } = await import('../relay/bull/open-bull.js');
      return openBull(url, QUEUE);
    }
  }
  throw new MailConfigurationError('--relay', SCHEMES, 'something else');
}

function openSpool(path: string): MailRelay {
  if (!existsSync(path)) {
    const message = `There is no spool at ${path}; name it with --relay spool:FILE, --spool FILE, MAIL_RELAY or MAIL_SPOOL`;
    throw new MailConfigurationError('--spool', 'a file', 'none', { message });
  }
  return new SpoolRelay(readSpoolOptions({ path, thread: false, minFreeBytes: 0 }));
}

/** Names all that is missing at once, so that one command mends it. */
function needPackages(what: string, names: readonly string[]): void {
  const { resolve } = createRequire(import.meta.url);
  const missing = names.filter((name) => {
    try {
      resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return;
  const list = missing.join(' ');
  const message = `${what} needs what is not installed here: run \`npm install ${list}\``;
  throw new MailConfigurationError('--relay', 'installed', list, { message });
}
