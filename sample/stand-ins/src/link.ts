import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A network in front of a stand-in, that can be blocked and slowed down. */
export class Link {
  /** Added to each direction, in milliseconds. */
  latencyMs = 0;
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;

  private constructor(
    private readonly target: number,
    readonly port: number,
  ) {}

  /** In front of a port of 127.0.0.1. */
  static async open(target: number): Promise<Link> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    const link = new Link(target, port);
    await link.unblock();
    return link;
  }

  get blocked(): boolean {
    return this.server === undefined;
  }

  /** Connects are refused from now on, and what is open breaks. */
  async block(): Promise<void> {
    const { server } = this;
    if (!server) return;
    this.server = undefined;
    for (const socket of this.sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }

  async unblock(): Promise<void> {
    if (this.server) return;
    this.server = createServer((client) => this.pass(client)).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  private pass(client: Socket): void {
    const server = connect(this.target, '127.0.0.1');
    const pair = [client, server] as const;
    for (const socket of pair) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        for (const other of pair) other.destroySoon();
      });
    }
    this.carry(client, server);
    this.carry(server, client);
  }

  private carry(from: Socket, to: Socket): void {
    from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), this.latencyMs));
    from.on('end', () => setTimeout(() => to.end(), this.latencyMs));
  }
}
