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
import { MailService } from 'nestjs-mail-relay';
import type { ServerResponse } from 'node:http';
import { Counts } from './counts.js';
import { NextHop } from './next-hop.js';
import { PAGE, PAGE_POLICY } from './page.js';
import { Traffic } from './traffic.js';

const BURST = 500;

@Controller()
export class RelayController {
  constructor(
    private readonly mail: MailService,
    private readonly counts: Counts,
    private readonly nextHop: NextHop,
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
    const { queued, sent, deferred, dead } = this.counts;
    const { running, arrived } = this.nextHop;
    return {
      relay: this.mail.relay?.name,
      stored: await this.mail.relay?.stats(),
      here: { queued, sent, deferred, dead, refused: this.traffic.refused },
      server: { running, arrived },
    };
  }

  /** Starts or stops the mail server. */
  @Post('server')
  @HttpCode(200)
  async server(@Body() { running }: { readonly running?: unknown } = {}) {
    if (typeof running !== 'boolean') throw new BadRequestException('running: expected a boolean');
    await this.nextHop.run(running);
    return this.state();
  }

  @Post('burst')
  @HttpCode(200)
  async burst() {
    await this.traffic.burst(BURST);
    return this.state();
  }
}
