import { Readable } from 'node:stream';

/** Content is handed over in blocks, each with a deadline of its own. */
const BLOCK_BYTES = 64 * 1024;

/**
 * The content, block by block as the socket takes it. `onBlock` hears of each before it goes, with the
 * number of bytes gone so far, and stops the stream for good by answering false.
 */
export function contentStream(content: Buffer, onBlock: (gone: number) => boolean): Readable {
  let gone = 0;
  return new Readable({
    highWaterMark: BLOCK_BYTES,
    read() {
      if (!onBlock(gone)) return;
      const block = content.subarray(gone, gone + BLOCK_BYTES);
      gone += block.length;
      this.push(block.length > 0 ? block : null);
    },
  });
}

/** Whether 8BITMIME (RFC 6152) is to be asked for. */
export function hasEightBit(content: Buffer): boolean {
  for (const byte of content) if (byte > 0x7f) return true;
  return false;
}
