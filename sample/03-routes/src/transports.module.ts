import { Module } from '@nestjs/common';
import { Transports } from './transports.js';

@Module({
  providers: [{ provide: Transports, useFactory: () => Transports.open() }],
  exports: [Transports],
})
export class TransportsModule {}
