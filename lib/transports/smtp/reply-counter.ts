const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;

/**
 * Counts complete replies as they arrive on the socket, ahead of whoever reads them. More replies
 * than commands means that the server is out of step, and what it says is no verdict on a mail; a
 * line that the end of the connection cut short is no reply at all.
 */
export class ReplyCounter {
  private column = 0;
  private continued = false;

  constructor(public count: number) {}

  push(chunk: Buffer): void {
    for (const byte of chunk) {
      if (byte === LF) {
        if (this.column > 0 && !this.continued) this.count += 1;
        this.column = 0;
        this.continued = false;
      } else if (byte !== CR) {
        if (this.column === 3) this.continued = byte === DASH;
        this.column += 1;
      }
    }
  }
}
