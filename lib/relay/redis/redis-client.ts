/** What the drivers over Redis use of ioredis, by shape: a user who compiles against the package needs none. */
export interface RedisClient {
  status: string;
  /** Absent before it connects. */
  readonly stream?: { readonly destroyed: boolean };
  /** Whether it knows the nodes of a cluster. */
  readonly isCluster?: boolean;
  readonly options: { retryStrategy?: unknown };
  on(event: string, listener: (...args: never[]) => void): unknown;
  once(event: string, listener: (...args: never[]) => void): unknown;
  defineCommand(name: string, definition: { lua: string; numberOfKeys: number }): void;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  info(section: string): Promise<string>;
  config(operation: 'GET', name: string): Promise<unknown>;
  exists(...keys: string[]): Promise<number>;
  hkeys(key: string): Promise<string[]>;
  smembers(key: string): Promise<string[]>;
  zrange(key: string, start: number, stop: number): Promise<string[]>;
  hgetall(key: string): Promise<Record<string, string>>;
  subscribe(...channels: string[]): Promise<unknown>;
  psubscribe(...channels: string[]): Promise<unknown>;
}
