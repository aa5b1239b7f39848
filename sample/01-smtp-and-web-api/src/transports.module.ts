import { Module } from '@nestjs/common';
import { openTransports, Transports } from './transports.js';

@Module({
  providers: [{ provide: Transports, useFactory: () => openTransports(process.env) }],
  exports: [Transports],
})
export class TransportsModule {}
