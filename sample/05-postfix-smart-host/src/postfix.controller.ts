import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Post,
  Res,
} from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { PAGE, PAGE_POLICY } from './page.js';
import { SetUp } from './set-up.js';
import { Traffic } from './traffic.js';

const BURST = 200;
/** Rows of the queue that the page shows. */
const SHOWN = 10;

@Controller()
export class PostfixController {
  constructor(
    private readonly setUp: SetUp,
    private readonly traffic: Traffic,
  ) {}

  @Get()
  page(@Res() response: ServerResponse): void {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.setHeader('content-security-policy', PAGE_POLICY);
    response.end(PAGE);
  }

  @Get('state')
  @Header('cache-control', 'no-store')
  async state() {
    const { postfix, provider } = this.setUp;
    const { handedOver, refused, times } = this.traffic;
    const queue = await postfix.queue();
    const seen = new Set<string>();
    // A mail that was under way when the line was cut may come twice: its reply was lost (RFC 1047).
    const twice = provider.inbox.list().flatMap(({ subject }) => {
      if (seen.has(subject)) return [subject];
      seen.add(subject);
      return [];
    });
    return {
      app: { handedOver, refused, ...times },
      queue: { length: queue.length, first: queue.slice(0, SHOWN) },
      provider: {
        connected: !provider.line.blocked,
        arrived: seen.size,
        twice,
      },
    };
  }

  /** Cuts the line to the provider, or mends it. */
  @Post('line')
  @HttpCode(200)
  async line(@Body() { connected }: { readonly connected?: unknown } = {}) {
    if (typeof connected !== 'boolean') {
      throw new BadRequestException('connected: expected a boolean');
    }
    const { line } = this.setUp.provider;
    await (connected ? line.unblock() : line.block());
    return this.state();
  }

  @Post('burst')
  @HttpCode(200)
  async burst() {
    await this.traffic.burst(BURST);
    return this.state();
  }
}
