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
import { Transports, STRATEGIES } from './transports.js';
import { Traffic } from './traffic.js';

interface Change {
  readonly transport?: unknown;
  readonly blocked?: unknown;
  readonly latencyMs?: unknown;
}

@Controller()
export class RoutesController {
  constructor(
    private readonly transports: Transports,
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
  state() {
    const { routes, smtp, webApi } = this.transports;
    const { strategy, taken } = this.traffic;
    const transports = routes[strategy].status().map((status) => {
      const { blocked, latencyMs: addedMs } = status.transport === 'SMTP' ? smtp : webApi;
      return { ...status, error: status.error?.message, blocked, addedMs };
    });
    return { strategy, transports, taken };
  }

  @Post('strategy')
  @HttpCode(200)
  choose(@Body() { strategy }: { readonly strategy?: unknown } = {}) {
    const chosen = STRATEGIES.find((known) => known === strategy);
    if (!chosen) throw new BadRequestException(`strategy: expected ${STRATEGIES.join(' or ')}`);
    this.traffic.strategy = chosen;
    return this.state();
  }

  /** Blocks a transport, or adds latency to it. */
  @Post('network')
  @HttpCode(200)
  async network(@Body() { transport, blocked, latencyMs }: Change = {}) {
    const link =
      transport === 'SMTP'
        ? this.transports.smtp
        : transport === 'Web API'
          ? this.transports.webApi
          : null;
    if (!link) throw new BadRequestException('transport: expected "SMTP" or "Web API"');
    if (typeof blocked === 'boolean') await (blocked ? link.block() : link.unblock());
    if (typeof latencyMs === 'number') link.latencyMs = Math.min(2_000, Math.max(0, latencyMs));
    return this.state();
  }
}
