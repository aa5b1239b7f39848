/**
 * What this driver uses of Bull and ioredis, by shape: a user who compiles against the package needs
 * neither. A test holds these against the real types.
 */
export interface RedisClient {
  status: string;
  /** Absent before it connects. */
  readonly stream?: { readonly destroyed: boolean };
  readonly options: { retryStrategy?: unknown };
  on(event: string, listener: (...args: never[]) => void): unknown;
  once(event: string, listener: (...args: never[]) => void): unknown;
  removeAllListeners(event: string): unknown;
  defineCommand(name: string, definition: { lua: string; numberOfKeys: number }): void;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  info(section: string): Promise<string>;
  hmget(key: string, ...fields: string[]): Promise<(string | null)[]>;
  mget(...keys: string[]): Promise<(string | null)[]>;
  llen(key: string): Promise<number>;
  lrange(key: string, start: number, stop: number): Promise<string[]>;
  zcard(key: string): Promise<number>;
  zrange(key: string, start: number, stop: number): Promise<string[]>;
  zrank(key: string, member: string): Promise<number | null>;
  zscore(key: string, member: string): Promise<string | null>;
  smembers(key: string): Promise<string[]>;
  lpos(key: string, member: string): Promise<number | null>;
}

/** Bull's second connection, for its events; made when it is first looked at. */
export interface BullEventClient {
  readonly subscriberInitialized?: boolean;
  readonly eclient?: RedisClient;
}

export interface BullQueue extends BullEventClient {
  readonly name: string;
  /** Connects when it is first looked at. */
  readonly client: RedisClient;
  toKey(name: string): string;
  close(): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}
