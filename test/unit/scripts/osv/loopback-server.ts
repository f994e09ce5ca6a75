import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A server on a free port of the loopback interface, for as long as a test takes. */
export class LoopbackServer implements AsyncDisposable {
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer(socket => {
    this.sockets.add(socket);
    // Clients leave as they like.
    socket.on('error', () => undefined);
    this.serve(socket);
  });

  private constructor(private readonly serve: (socket: Socket) => void) {}

  static async listen(serve: (socket: Socket) => void): Promise<LoopbackServer> {
    const server = new LoopbackServer(serve);
    server.server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    return server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}
