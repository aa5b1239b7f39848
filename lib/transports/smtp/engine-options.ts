import type { ConnectionOptions } from 'node:tls';

/** Answers an access token; `renew` is true when the one before was refused. */
export type AccessTokenProvider = (renew: boolean) => Promise<string>;

export interface EngineAuth {
  readonly user: string;
  readonly pass?: string;
  readonly accessToken?: AccessTokenProvider;
  readonly method?: 'PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'XOAUTH2';
}

/** Times in milliseconds, all absolute deadlines. */
export interface EngineTimeouts {
  /** Name lookup, TCP and TLS handshake. */
  readonly connectMs: number;
  readonly greetingMs: number;
  /** EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET. */
  readonly commandMs: number;
  /** The reply to DATA, and each block of content. */
  readonly dataMs: number;
  /** The reply to the content. */
  readonly replyMs: number;
}

export interface EngineOptions {
  /** The road's name in errors and receipts. */
  readonly road: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly requireTLS: boolean;
  readonly ignoreTLS: boolean;
  readonly tls: ConnectionOptions;
  /** EHLO name. */
  readonly name: string;
  readonly localAddress?: string;
  readonly auth?: EngineAuth;
  readonly pipelining: boolean;
  readonly chunking: boolean;
  readonly timeouts: EngineTimeouts;
  readonly pool: {
    readonly maxConnections: number;
    /** Mails a connection carries before it is replaced; 0 for no limit. */
    readonly maxMessages: number;
    /** Mails on the wire of one connection without their reply. */
    readonly maxInFlight: number;
    readonly idleTimeoutMs: number;
    /** Mails waiting for a connection. */
    readonly maxQueued: number;
    /** Mails a second over all connections; 0 for no limit. */
    readonly maxPerSecond: number;
  };
}
